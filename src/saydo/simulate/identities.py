"""Who the simulated customers are: names, addresses and numbers of nobody, for the application and never in the facts.

Mail goes to the domains that are kept free for examples, and telephone numbers begin as no real one does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saydo.simulate import columns as to
from saydo.simulate.block import BLOCK, Block, draw
from saydo.simulate.catalogue import LANGUAGES
from saydo.simulate.columns import Array
from saydo.simulate.people import People

HEADER = ("customer_id", "name", "email", "phone", "street", "postcode", "city")
_DOMAINS = ("example.org", "example.net", "example.com")
_GIVEN = {
    "fr": (
        "Adèle Agathe Alain Alexandre Alice Aline Amélie André Antoine Arnaud Aurélie Baptiste Bastien Benoît "
        "Bernard Bérénice Camille Capucine Caroline Cécile Céline Chantal Charlotte Chloé Christophe Claire "
        "Clémence Clément Colette Corinne Damien Daniel David Delphine Denis Diane Didier Dominique Édith Édouard "
        "Élise Élodie Émile Émilie Emma Éric Estelle Étienne Fabienne Fabrice Fanny Florence Florian François "
        "Françoise Frédéric Gabriel Gaëlle Geneviève Georges Gérard Gilles Grégoire Guillaume Hélène Henri Hugo "
        "Inès Irène Isabelle Jacques Jean Jeanne Jérôme Joël Julie Julien Juliette Justine Karim Laurence Laurent "
        "Léa Léo Louis Louise Luc Lucas Lucie Ludovic Madeleine Manon Marc Margaux Marguerite Marie Marine Marion "
        "Martine Mathilde Mathieu Maxime Mélanie Michel Mireille Monique Nadia Nathalie Nicolas Noémie Odile "
        "Olivier Pascal Patricia Paul Pauline Philippe Pierre Quentin Raphaël Rémi René Robin Romain Sabine "
        "Samuel Sandrine Sarah Sébastien Serge Simon Solène Sophie Stéphane Sylvie Théo Thérèse Thibault Thomas "
        "Timothée Valentin Valérie Véronique Victor Vincent Virginie Xavier Yann Yasmine Yves Zoé"
    ),
    "de": (
        "Achim Alexander Andrea Andreas Anja Anke Anna Anneliese Antje Astrid Barbara Bastian Beate Benjamin "
        "Bernd Birgit Björn Brigitte Britta Carsten Christa Christian Christina Christoph Claudia Cornelia Dagmar "
        "Daniel Daniela David Dennis Dieter Dirk Doris Elena Elisabeth Elke Emil Erik Erika Ernst Eva Fabian "
        "Felix Finn Florian Frank Franz Franziska Friedrich Fritz Gabriele Georg Gerd Gerhard Gisela Gudrun "
        "Günter Hanna Hannah Hans Harald Heike Heinrich Heinz Helga Helmut Herbert Hildegard Holger Horst Ida "
        "Ilse Inge Ingrid Irmgard Jan Jana Jens Joachim Jonas Jörg Julia Julian Jürgen Jutta Kai Karin Karl "
        "Karsten Katharina Katja Katrin Kerstin Klaus Kurt Lara Lars Laura Lea Lena Leon Leonie Lina Lisa Lotte "
        "Luca Ludwig Luisa Lukas Manfred Manuela Marcel Maria Marie Marion Markus Martin Martina Matthias Max "
        "Maximilian Melanie Michael Mia Monika Moritz Nadine Nicole Niklas Nina Norbert Oliver Oskar Otto Paul "
        "Paula Peter Petra Philipp Rainer Ralf Reinhard Renate Robert Rolf Rudolf Ruth Sabine Sandra Sarah "
        "Sebastian Silke Simone Sonja Stefan Stefanie Susanne Sven Tanja Theresa Thomas Thorsten Tim Tobias "
        "Torsten Udo Ulrich Ulrike Ursula Ute Uwe Verena Volker Walter Werner Wolfgang Yvonne"
    ),
    "en": (
        "Abigail Adam Alan Albert Alfie Amanda Amber Amelia Amy Andrew Angela Anne Arthur Barbara Beatrice "
        "Benjamin Bethany Brenda Brian Callum Caroline Catherine Charles Charlotte Chloe Christopher Claire Colin "
        "Craig Daisy Daniel David Deborah Diana Donald Dorothy Duncan Edith Edward Eleanor Elizabeth Emily Emma "
        "Ethan Evelyn Faye Fiona Florence Frances Freya Gareth Gary Geoffrey George Georgia Gillian Grace Graham "
        "Gwen Hannah Harriet Harry Hazel Heather Helen Henry Holly Howard Hugh Ian Imogen Isabel Isla Jack Jacob "
        "James Jane Janet Jasmine Jean Jennifer Jessica Joan Joanna John Jonathan Joseph Joshua Joyce Judith "
        "Julie Karen Katherine Keith Kenneth Kevin Kirsty Laura Lauren Leah Leonard Lesley Liam Lily Linda Louise "
        "Lucy Luke Lydia Malcolm Margaret Maria Marion Mark Martin Mary Matthew Maureen Megan Melissa Michael "
        "Michelle Molly Nancy Natalie Nathan Neil Nicholas Nicola Nigel Norman Oliver Olivia Oscar Owen Pamela "
        "Patricia Patrick Paul Pauline Peter Philip Phoebe Poppy Rachel Ralph Rebecca Reginald Richard Robert "
        "Robin Roger Ronald Rose Rosemary Rupert Ruth Ryan Samantha Samuel Sarah Scott Sean Sharon Sheila Simon "
        "Sophie Stanley Stella Stephen Stuart Susan Sylvia Teresa Theodore Thomas Timothy Toby Tracey Valerie "
        "Vera Victoria Vincent Violet Walter Wendy William Winifred Zara"
    ),
}
_FAMILY = {
    "fr": (
        "Adam André Arnaud Aubert Aubry Bailly Barbier Barre Baron Benoît Berger Bernard Bertin Bertrand Besson "
        "Blanc Blanchard Bonnet Bouchet Boucher Boulanger Bourgeois Bouvier Boyer Brun Brunet Carlier Caron "
        "Carpentier Chevalier Chevallier Clément Colin Collet Cordier Cousin Daniel David Delacroix Delattre "
        "Delaunay Deschamps Devaux Didier Dubois Dufour Dumas Dumont Dupont Dupuis Dupuy Durand Duval Étienne "
        "Fabre Faure Fernandez Fleury Fontaine Fournier François Gaillard Garcia Garnier Gauthier Gautier Gérard "
        "Germain Gillet Girard Giraud Gomez Gonzalez Guérin Guichard Guillaume Guillot Guyot Hamel Henry Hubert "
        "Huet Humbert Jacquet Jacob Joly Julien Klein Lacroix Lambert Lamy Langlois Laporte Laurent Lebrun "
        "Leclerc Leclercq Lecomte Lefebvre Lefèvre Legrand Lemaire Lemoine Leroux Leroy Lévêque Lopez Louis Lucas "
        "Maillard Mallet Marchal Marchand Maréchal Marie Marion Martel Martin Martinez Marty Masson Mathieu "
        "Menard Mercier Meunier Meyer Michaud Michel Millet Monnier Moreau Morel Morin Moulin Muller Nguyen "
        "Nicolas Noël Olivier Paris Pasquier Pelletier Perez Perret Perrier Perrin Perrot Petit Philippe Picard "
        "Pichon Pierre Poirier Pons Poulain Prévost Rémy Renard Renaud Renault Rey Richard Rivière Robert Robin "
        "Roche Rodriguez Roger Rolland Rousseau Roussel Roux Roy Royer Sanchez Schmitt Schneider Simon Tessier "
        "Thomas Vasseur Vidal Vincent Weber"
    ),
    "de": (
        "Albrecht Arnold Bach Bauer Baumann Beck Becker Behrens Berger Bergmann Böhm Brandt Braun Busch Dietrich "
        "Engel Ernst Fischer Frank Franke Friedrich Fuchs Graf Groß Günther Haas Hahn Hartmann Heinrich Herrmann "
        "Hoffmann Hofmann Horn Huber Jäger Jahn Jansen Jung Kaiser Keller Klein Koch Köhler König Kraft Kramer "
        "Krämer Kraus Krause Krüger Kuhn Kühn Lang Lange Lehmann Lorenz Ludwig Maier Martin Mayer Meier Meyer "
        "Möller Müller Nagel Neumann Otto Peters Pfeiffer Pohl Richter Roth Sauer Schäfer Schmid Schmidt Schmitt "
        "Schmitz Schneider Scholz Schreiber Schröder Schubert Schulte Schulz Schulze Schumacher Schuster Schwarz "
        "Seidel Simon Sommer Stein Thomas Vogel Vogt Voigt Wagner Walter Weber Weiß Werner Winkler Winter Wolf "
        "Wolff Yılmaz Ziegler Zimmermann"
    ),
    "en": (
        "Adams Allen Anderson Andrews Armstrong Atkinson Bailey Baker Ball Barker Barnes Bell Bennett Berry "
        "Bradley Brooks Brown Burton Butler Campbell Carr Carter Chapman Clark Clarke Cole Collins Cook Cooper "
        "Cox Crawford Davies Davis Dixon Edwards Elliott Ellis Evans Fisher Fletcher Ford Foster Fox Fraser "
        "Gibson Gill Gordon Graham Grant Gray Green Griffiths Hall Hamilton Harper Harris Harrison Hart Harvey "
        "Henderson Hill Holmes Hudson Hughes Hunt Hunter Jackson James Jenkins Johnson Johnston Jones Kelly "
        "Kennedy King Knight Lawrence Lee Lewis Lloyd Marshall Martin Mason Matthews McDonald Miller Mills "
        "Mitchell Moore Morgan Morris Murphy Murray Palmer Parker Patel Payne Pearson Perry Phillips Porter "
        "Powell Price Reid Reynolds Richards Richardson Roberts Robertson Robinson Rogers Ross Russell Scott Shaw "
        "Simpson Smith Spencer Stevens Stewart Stone Taylor Thomas Thompson Turner Walker Walsh Ward Watson Webb "
        "Wells West White Wilkinson Williams Williamson Wilson Wood Wright Young"
    ),
    "CH": (
        "Aebi Aeschlimann Ammann Baumgartner Berset Blaser Bolomey Bonvin Bourquin Brunner Bühler Burri Chappuis "
        "Chevalley Cornaz Cuendet Darbellay Délèze Dubuis Egger Eggimann Favre Fässler Frei Gasser Gerber Gfeller "
        "Girardin Graf Gremaud Grosjean Hofer Hofstetter Hürlimann Imhof Jaccard Jaccoud Jaquet Jeanneret Joss "
        "Kälin Kaufmann Keller Kunz Küng Lehmann Leuenberger Lüthi Marti Mauron Meier Messerli Métrailler Meyer "
        "Monnard Moser Müller Nussbaumer Oberson Pache Perrenoud Piguet Pittet Rapin Reymond Roch Rochat Roth "
        "Ruchti Rüegg Savary Schaller Schär Schmid Steiner Stettler Studer Suter Tanner Thévoz Tschanz "
        "Vuilleumier Widmer Wyss Zaugg Zbinden Zeller Zürcher"
    ),
}
_STREETS = {
    "fr": (
        "rue de la République|rue Victor Hugo|avenue de la Gare|rue des Lilas|chemin des Vignes|place du Marché|"
        "rue du Moulin|rue Pasteur|allée des Tilleuls|rue Jean Jaurès|route de Genève|rue de l’Église|"
        "quai du Rhône|rue des Écoles|chemin du Lac|rue Saint-Martin|avenue des Alpes|rue du Stade|"
        "impasse des Cerisiers|rue Neuve"
    ),
    "de": (
        "Hauptstraße|Bahnhofstraße|Gartenstraße|Schulstraße|Bergstraße|Lindenweg|Kirchstraße|Mühlenweg|Rosenweg|"
        "Talstraße|Schillerstraße|Goethestraße|Am Markt|Waldstraße|Ringstraße|Im Winkel|Seestraße|Dorfstraße|"
        "Amselweg|Wiesenweg"
    ),
}
_TOWNS = {
    "FR": "69001 Lyon|69003 Lyon|69006 Lyon|69100 Villeurbanne|42000 Saint-Étienne|38000 Grenoble|21000 Dijon|"
    "71000 Mâcon|01000 Bourg-en-Bresse|74000 Annecy|75011 Paris|73000 Chambéry|25000 Besançon|26000 Valence",
    "CH": "1003 Lausanne|1004 Lausanne|1201 Genève|1227 Carouge|1700 Fribourg|1800 Vevey|1820 Montreux|2000 Neuchâtel|"
    "3011 Bern|3600 Thun|1400 Yverdon-les-Bains|1110 Morges",
    "BE": "4000 Liège|4020 Liège|4100 Seraing|4500 Huy|4800 Verviers|5000 Namur|1000 Bruxelles|1050 Ixelles|4900 Spa|"
    "6600 Bastogne",
    "DE": "79098 Freiburg im Breisgau|79102 Freiburg im Breisgau|77652 Offenburg|79539 Lörrach|76133 Karlsruhe|"
    "70173 Stuttgart|60311 Frankfurt am Main|80331 München|79183 Waldkirch|78462 Konstanz",
}
_DIAL = {"FR": "+33 1 99 ", "CH": "+41 99 ", "BE": "+32 99 ", "DE": "+49 199 "}  # ranges that nobody was given


def introduce(block: Block, people: People) -> None:
    """Give each customer a name and ways of reaching them; some have no telephone, a few no e-mail address."""
    chance, count = block.chance("identities"), len(people)
    number = block.index * BLOCK + np.arange(count)
    countries = np.array([shop.country for shop in block.plan.shops])[people.shop]
    given, family = _name(block, people, countries, chance)
    has_mail, has_phone = chance.random(count) < 0.93, chance.random(count) < 0.84
    postcode, city = _live(countries, chance)
    block.identities = pa.table(
        {
            "customer_id": block.keys("C", np.arange(count)),
            "name": pc.binary_join_element_wise(given, family, " "),
            "email": pc.if_else(pa.array(has_mail), _address(given, family, number, chance), None),
            "phone": pc.if_else(pa.array(has_phone), _dial(countries, number), None),
            "street": _street(countries, people.language, chance),
            "postcode": postcode,
            "city": city,
        }
    )


def _choose(lists: list[list[str]], which: Array, chance: np.random.Generator, tilt: float) -> pa.Array:
    """From the list that stands at each row's number, the first words more often than the last ones."""
    sizes = np.array([len(words) for words in lists])
    starts = np.cumsum(sizes) - sizes
    places = (chance.random(len(which)) ** tilt * sizes[which]).astype(np.int64)
    return to.words([word for words in lists for word in words], starts[which] + places)


def _name(block: Block, people: People, countries: Array, chance: np.random.Generator) -> tuple[pa.Array, pa.Array]:
    given = [_GIVEN[code].split() for code in LANGUAGES]
    # in an order of their own, so that the frequent names are not those that begin with A
    order = np.random.Generator(np.random.SFC64(17))
    shuffled = [list(order.permutation(words)) for words in given]
    family = [list(order.permutation(_FAMILY[code].split())) for code in (*LANGUAGES, "CH")]
    is_swiss = (countries == "CH") & (chance.random(len(people)) < 0.7)
    first = _choose(shuffled, people.language, chance, 1.3)
    last = _choose(family, np.where(is_swiss, len(LANGUAGES), people.language), chance, 1.6)
    other = _choose(family, people.language, chance, 1.0)
    both = pc.binary_join_element_wise(last, other, "-")
    is_double = (chance.random(len(people)) < 0.08) & (people.language != LANGUAGES.index("en"))
    return first, pc.if_else(pa.array(is_double), both, last)


def _address(given: pa.Array, family: pa.Array, number: Array, chance: np.random.Generator) -> pa.Array:
    """Like claire.lefevre1042@example.org: the number makes it one person's."""
    folded = pc.utf8_lower(pc.binary_join_element_wise(given, family, "."))
    for sign, plain in (
        ("[àâä]", "a"),
        ("[éèêë]", "e"),
        ("[îïıi̇]", "i"),
        ("[ôö]", "o"),
        ("[ûùü]", "u"),
        ("ç", "c"),
        ("ß", "ss"),
    ):
        folded = pc.replace_substring_regex(folded, sign, plain)
    domain = to.words(_DOMAINS, draw(chance, (0.5, 0.3, 0.2), len(number)))
    digits = pc.cast(pa.array(number + 1), pa.string())
    return pc.binary_join_element_wise(pc.binary_join_element_wise(folded, digits, ""), domain, "@")


def _dial(countries: Array, number: Array) -> pa.Array:
    """Six digits in pairs, one number for each customer."""
    mixed = (number * 387_421 + 71_993) % 1_000_003 if len(number) else number
    digits = pc.utf8_lpad(pc.cast(pa.array(mixed), pa.string()), 6, "0")
    pairs = [pc.utf8_slice_codeunits(digits, start, stop) for start, stop in ((0, 2), (2, 4), (4, 7))]
    names = list(_DIAL)
    prefix = to.words([_DIAL[name] for name in names], _codes(countries, names))
    return pc.binary_join_element_wise(prefix, pc.binary_join_element_wise(*pairs, " "), "")


def _codes(words: Array, choices: list[str]) -> Array:
    """The place of each word among the choices; an unknown one counts as the first."""
    codes = np.zeros(len(words), dtype=np.int64)
    for place, choice in enumerate(choices):
        codes[words == choice] = place
    return codes


def _street(countries: Array, language: Array, chance: np.random.Generator) -> pa.Array:
    """With the number in front as in French, behind as in German."""
    french, german = _STREETS["fr"].split("|"), _STREETS["de"].split("|")
    is_german = (countries == "DE") | (language == LANGUAGES.index("de"))
    street = _choose([french, german], is_german.astype(np.int64), chance, 1.0)
    house = pc.cast(pa.array(1 + (chance.random(len(language)) ** 2 * 140).astype(np.int64)), pa.string())
    in_front, behind = (pc.binary_join_element_wise(*parts) for parts in ((house, street, " "), (street, house, " ")))
    return pc.if_else(pa.array(is_german), behind, in_front)


def _live(countries: Array, chance: np.random.Generator) -> tuple[pa.Array, pa.Array]:
    names = list(_TOWNS)
    towns = [_TOWNS[name].split("|") for name in names]
    chosen = _choose(towns, _codes(countries, names), chance, 1.2)
    parts: Any = pc.split_pattern(chosen, " ", max_splits=1)
    return pc.list_element(parts, 0), pc.list_element(parts, 1)
