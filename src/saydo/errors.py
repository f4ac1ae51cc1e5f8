"""Every error that a user can cause.

    SaydoError
    ├── SourceError                 what was given to read
    │   ├── NoSuchPath              the file or folder is not there
    │   ├── NoKnownTable            a folder without one table of the contract
    │   ├── EmptyFile               a file without a header
    │   ├── UnreadableFile          binary, broken or not what its name says
    │   ├── MissingColumn           a required column is absent
    │   ├── UnknownColumn           a column that the contract does not have
    │   ├── DuplicateColumn         two columns of one name
    │   ├── IdentityColumn          a column full of e-mail addresses or phone numbers
    │   ├── AmbiguousDates          03/04/2024: the third of April or the fourth of March?
    │   ├── MappingError            a mapping's SQL fails, at file and line
    │   ├── UnknownSource           no such source or mapping
    │   ├── NotFacts                a folder that is no imported company
    │   ├── DamagedManifest         a saydo.json that no import wrote so
    │   ├── NoAccess                a file or folder that may not be read
    │   ├── DestinationInUse        a folder that holds something else
    │   ├── DestinationOverlaps     facts among the raw files, or the other way round
    │   ├── Unwritable              a place where nothing can be written, or a full disk
    │   ├── KeyTooLong              a key that the database has no room for
    │   ├── LoadUnderWay            two at work on the same load
    │   ├── RowsRefused             some rows were refused, and the user allows none
    │   └── NothingUsable           every row was refused
    ├── UnknownRole                 no such role
    ├── BadAddress                  no e-mail address
    ├── WeakPassword                a password that is soon guessed
    ├── LastAdministrator           the last one who can invite others would go
    ├── QuestionError               what was asked of the facts
    │   ├── UnknownMeasure
    │   ├── UnknownSplit
    │   ├── UnknownSetting
    │   ├── BadSetting              a setting with a value that it cannot have
    │   ├── MissingTable            a measure needs a table that is absent
    │   ├── EmptyTable              a measure needs a table that has no row
    │   ├── NoInterval              a comparison by chance of what no chance was in
    │   ├── MixedCurrencies         amounts that cannot be added
    │   ├── TooFewRepeats           too few came back for a model of repeat purchases
    │   ├── NoFit                   a model of purchases whose likelihood has no maximum
    │   ├── NoSpread                customers whose spending does not differ
    │   ├── MissingPackage          a Python package that is not installed
    │   ├── NotComputed             settings with which the computation fails
    │   └── NothingToMeasure        the facts hold no row that the question is about
    └── OperationError              what was asked of the running application
        ├── AnyHost                 a server that believes whatever name it is called by
        ├── PortInUse               somebody else listens there
        ├── NotABackup              a file that no backup wrote
        ├── DamagedBackup           a backup whose files are not those it lists
        ├── NewerBackup             a backup of a version that this program does not know
        ├── TargetInUse             a database that holds something already
        ├── StillRunning            the application must be stopped first
        ├── CannotMerge             two records that cannot be taken as one person
        └── AlreadyDecided          two records about which somebody decided meanwhile

Each class carries two English message ids, what is wrong and the way out, with named places for the values met; the
words are translated when they are shown, so that the page, the API and the terminal read the same. A command that meets
one ends with exit code 2, or the class's own (3: rows refused though none was allowed).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

from saydo.language import mark, translate

_NAMES = frozenset({"table", "tables", "column", "path", "measure", "name", "split", "package"})


class SaydoError(Exception):
    """Something that the user can mend; ``str()`` gives what is wrong and what to do, in the language in use."""

    wrong: ClassVar[str] = mark("Something is wrong: {reason}.")
    way_out: ClassVar[str] = ""
    exit_code: ClassVar[int] = 2

    def __init__(self, **values: object) -> None:
        self.values = {name: _shown(value) for name, value in values.items()}
        super().__init__(self.wrong)

    def __str__(self) -> str:
        # a value can be a message id too, but what a file or a column is called is what people must type
        values = {name: value if name in _NAMES else translate(value) for name, value in self.values.items()}
        return " ".join(translate(text, **values) for text in (self.wrong, self.way_out) if text)


def _shown(value: object) -> str:
    """A value as text: lists with commas, long values cut, control characters made visible."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_shown(item) for item in value)
    text = "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(value))
    return text if len(text) <= 300 else text[:297] + "..."


def nearest(word: str, choices: Iterable[str]) -> list[str]:
    """The choices, those that look like ``word`` first; for "did you mean"."""
    names = sorted(choices)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    return close + [name for name in names if name not in close]


class SourceError(SaydoError):
    """What was given to read cannot be read."""


class NoSuchPath(SourceError):
    wrong = mark("There is no file or folder at {path}.")
    way_out = mark("Check the spelling and the folder you are in.")


class NoKnownTable(SourceError):
    wrong = mark("The folder {path} holds no table that Saydo knows; it holds {found}.")
    way_out = mark("Name the files after the tables of the contract ({tables}), or import them with a mapping.")


class EmptyFile(SourceError):
    wrong = mark("The file {path} is empty: it has not even a header.")
    way_out = mark("Export it again, or take it out of the folder.")


class UnreadableFile(SourceError):
    wrong = mark("The file {path} cannot be read as {format}: {reason}.")
    way_out = mark("Open it in the program that wrote it and save it as CSV (UTF-8), Excel or Parquet.")


class MissingColumn(SourceError):
    wrong = mark("The table {table} in {path} has no column {column}, which it must have; it has {found}.")
    way_out = mark("Rename or add the column, or import the file with a mapping.")


class UnknownColumn(SourceError):
    wrong = mark("The table {table} in {path} has a column {column} that the contract does not know.")
    way_out = mark("Did you mean {choices}? Name a column of your own x_{column} to keep it.")


class DuplicateColumn(SourceError):
    wrong = mark("The table {table} in {path} has the column {column} more than once.")
    way_out = mark("Take the columns out that are too many, or rename them.")


class IdentityColumn(SourceError):
    wrong = mark(
        "The column {column} of {table} in {path} holds e-mail addresses or phone numbers: facts know no identities."
    )
    way_out = mark("Leave it out, or put a pseudonym in its place (a mapping has pseudonym()).")


class AmbiguousDates(SourceError):
    wrong = mark("In {path}, the column {column} can be read day first or month first (for example {value}).")
    way_out = mark("Say which with --dates dmy or --dates mdy.")


class MappingError(SourceError):
    wrong = mark("{path}, line {line}: {reason}.")
    way_out = mark(
        "Mend that line; docs/guides/import.md explains the language, and `saydo sources` lists ready mappings."
    )


class UnknownSource(SourceError):
    wrong = mark("There is no source called {name}.")
    way_out = mark("Choose one of {choices}, or give the path of a folder of <table>.sql files.")


class NotFacts(SourceError):
    wrong = mark("The folder {path} was written by contract version {found}; this program reads {expected}.")
    way_out = mark("Import the company again with this program.")


class DamagedManifest(SourceError):
    wrong = mark("The file {path} is not as an import writes it: {reason}.")
    way_out = mark("Import the company again with this program.")


class DestinationInUse(SourceError):
    wrong = mark("The folder {path} already holds something else, and it is left as it is.")
    way_out = mark("Choose a new or empty folder.")


class NoAccess(SourceError):
    wrong = mark("{path} cannot be read: {reason}.")
    way_out = mark("Check that it is what you mean, and that you may read it.")


class DestinationOverlaps(SourceError):
    wrong = mark("Of the folder for the facts, {path}, and that of the raw files, {origin}, one lies in the other.")
    way_out = mark("Choose a folder for the facts elsewhere.")


class Unwritable(SourceError):
    wrong = mark("Nothing can be written to {path}: {reason}.")
    way_out = mark("Choose a folder that you may write to, on a disk that has room.")


class KeyTooLong(SourceError):
    wrong = mark("The {column} {value} of {table} is too long a key: there is room for {most} signs.")
    way_out = mark("Shorten it in the program that it comes from, or make a pseudonym of it by a mapping.")


class LoadUnderWay(SourceError):
    wrong = mark("The load {number} is already under way.")
    way_out = mark("Wait until it is done; its page tells how far it is.")


class RowsRefused(SourceError):
    wrong = mark("Rows of {path} were refused ({rows}), and none was allowed to be.")
    way_out = mark("The reasons stand in {quarantine}; the first is: {reason}.")
    exit_code = 3


class NothingUsable(SourceError):
    wrong = mark("No row of {path} could be used: all that it has ({rows}) were refused.")
    way_out = mark("The reasons stand in {quarantine}; the first is: {reason}.")


class UnknownRole(SaydoError):
    wrong = mark("There is no role called {role}.")
    way_out = mark("Choose one of {choices}.")


class BadAddress(SaydoError):
    wrong = mark("{email} is no e-mail address.")
    way_out = mark("Write it like ada@example.org.")


class WeakPassword(SaydoError):
    wrong = mark("This password is too weak: {reason}.")
    way_out = mark("Choose another one.")


class LastAdministrator(SaydoError):
    wrong = mark("{name} is the last administrator who can log in.")
    way_out = mark("Make somebody else an administrator first.")


class QuestionError(SaydoError):
    """What was asked of the facts cannot be answered."""


class UnknownMeasure(QuestionError):
    wrong = mark("There is no measure called {name}.")
    way_out = mark("Choose one of {choices}.")


class UnknownSplit(QuestionError):
    wrong = mark("{measure} cannot be split by {split}.")
    way_out = mark("Choose from {choices}.")


class UnknownSetting(QuestionError):
    wrong = mark("{measure} has no setting called {name}.")
    way_out = mark("It knows {choices}.")


class BadSetting(QuestionError):
    wrong = mark("{name} cannot be {value}.")
    way_out = mark("It must be {choices}.")


class MissingTable(QuestionError):
    wrong = mark("{measure} needs the table {table}, which these facts do not have.")
    way_out = mark("Add {table} and import again; docs/facts.md says what stands in it.")


class EmptyTable(QuestionError):
    wrong = mark("{measure} needs the table {table}, which is empty in these facts.")
    way_out = mark("Add rows to {table} and import again; `saydo check` tells whether some were refused, and why.")


class MixedCurrencies(QuestionError):
    wrong = mark("{table} holds amounts in {found}, and there is no exchange rate from {missing} to {currency}.")
    way_out = mark("Add what is missing to exchange_rates (day, currency, to_currency, rate) and import again.")


class TooFewRepeats(QuestionError):
    wrong = mark(
        "Of {customers} customers only {returned} bought again, on another day: no model can be fitted to that."
    )
    way_out = mark("It needs {least} who did: take a longer time, a larger group, or wait.")


class NoFit(QuestionError):
    wrong = mark(
        "The model {model} finds no best parameters for {customers} customers, of whom {returned} bought again."
    )
    way_out = mark("Try another model, a longer time or a larger group.")


class MissingPackage(QuestionError):
    wrong = mark("The package {package} is not installed.")
    way_out = mark("Install it with `pip install {package}`.")


class NoSpread(QuestionError):
    wrong = mark("What {customers} customers spend on a purchase differs no more between them than chance makes it.")
    way_out = mark("There is nothing to fit: the mean, {mean}, is the best guess for everybody.")


class NoInterval(QuestionError):
    wrong = mark("{measure} has no interval by chance, so that no change of it can be told from noise.")
    way_out = mark("It is what happened, all of it: subtract one figure from the other.")


class NotComputed(QuestionError):
    wrong = mark("{measure} could not be computed with what was chosen.")
    way_out = mark("Leave out a split or a setting, or take a usual value; the log says what failed.")


class NothingToMeasure(QuestionError):
    wrong = mark("{measure} found nothing to measure: {reason}.")
    way_out = mark("Check the period, the date of the report and the settings.")


class OperationError(SaydoError):
    """What was asked of the running application cannot be done."""


class AnyHost(OperationError):
    wrong = mark("With SAYDO_HOSTS=* whoever asks chooses the address in the letters that let people in.")
    way_out = mark("Name the hosts that people use, such as SAYDO_HOSTS=saydo.example.org (several with commas).")


class PortInUse(OperationError):
    wrong = mark("Nothing can listen on {host}, port {port}: {reason}.")
    way_out = mark("Stop the program that does, or choose another port with --port.")


class NotABackup(OperationError):
    wrong = mark("The file {path} is no backup of Saydo.")
    way_out = mark("Give a file that `saydo backup` wrote.")


class DamagedBackup(OperationError):
    wrong = mark("The backup {path} is damaged: {reason}.")
    way_out = mark("Copy it again from where it is kept, or take an older one. Nothing was changed.")


class NewerBackup(OperationError):
    wrong = mark("The backup {path} was made by a newer version of Saydo ({made_by}) than this one ({own}).")
    way_out = mark("Install that version, then restore. Nothing was changed.")


class TargetInUse(OperationError):
    wrong = mark("The database at {target} holds data already.")
    way_out = mark("To put the backup in its place, add --replace; what is there now will be gone.")


class StillRunning(OperationError):
    wrong = mark("Saydo is running on {target}.")
    way_out = mark("Stop `saydo serve` and `saydo worker`, then try again.")


class CannotMerge(OperationError):
    wrong = mark("The two records cannot be merged: {reason}.")
    way_out = mark("Look at both, and choose others.")


class AlreadyDecided(OperationError):
    wrong = mark("What was decided about these two records does not allow this any more: {state}.")
    way_out = mark("Look at the pair again, and decide anew.")
