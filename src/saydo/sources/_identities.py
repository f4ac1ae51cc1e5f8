"""E-mail addresses and telephone numbers: taken out of texts, refused in keys, replaced by pseudonyms.

No rule finds every way of writing them. These take the usual ones of Europe, North America and Brazil, and the usual
disguises of an address. What could as well be a date, a price or an order number stays where its form or the word
before it says so. Texts that cannot hold either are told at a glance: CASE evaluates the costly rest for the others
alone.
"""

from __future__ import annotations

import hashlib

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from saydo.engine import quote_text
from saydo.facts import Column

EMAIL, PHONE = "[e-mail]", "[phone]"  # what stands in a text in the place of one
_MARK = "\x02"  # the same for a moment; no text has this sign
_PERSONS = ("customer_id", "account_id", "adviser_id")  # beside the keys that refer to customers

_NAME = r"[\pL\pN](?:[\pL\pN._%+\-]*[\pL\pN_%+\-])?"
_LABEL = r"[\pL\pN](?:[\pL\pN\-]*[\pL\pN])?"
_AT = r"(?:at|ät|arobase?|klammeraffe)"
_SPELT_DOT = r"(?: ?[(\[{<] ?(?:dot|point|punkt|\.) ?[)\]}>] ?| (?:dot|point|punkt) )"
_DOT = rf"(?:\.|{_SPELT_DOT})"
_ENDING = r"(?:com|org|net|info|eu|ch|fr|be|de|lu|at|it|nl|es|pt|li|uk|io|co)\b"
_EMAIL = "(?i)" + "|".join(
    (
        rf"{_NAME}@{_LABEL}(?:{_DOT}{_LABEL})+",
        rf"{_NAME}(?: @ ?|@ ){_LABEL}(?:{_DOT}{_LABEL})*{_DOT}\pL{{2,}}",
        rf"{_NAME} ?[(\[{{<] ?(?:{_AT}|@) ?[)\]}}>] ?{_LABEL}(?:{_DOT}{_LABEL})*",
        # spelt out; "bought at example.com" and "at this point in time" are no addresses
        rf"{_NAME} {_AT} {_LABEL}(?:\.{_LABEL})* (?:dot|punkt) {_ENDING}",
        rf"{_NAME} arobase? {_LABEL}(?:{_DOT}{_LABEL})*{_DOT}{_ENDING}",
    )
)
_MAY_BE_EMAIL = rf"(?i)@|[ (\[{{<]{_AT}[ )\]}}>]"

_GAPS = " \u00a0\u2009\u202f.\\-\u2010\u2011\u2013/"
_GAP, _GAP_OR_BRACKET = f"[{_GAPS}]", f"[{_GAPS}()]"
_EVEN = (" ", "\u00a0", "\u202f", r"\.", r"[\-\u2010\u2011]", "/", "_")
_PHONE = "|".join(
    (
        rf"\+ ?[1-9](?:{_GAP_OR_BRACKET}{{0,4}}\d){{8,13}}\b",
        rf"\b00[1-9]\d{{0,2}}(?:{_GAP}|{_GAP}?\(){_GAP_OR_BRACKET}{{0,3}}\d(?:{_GAP_OR_BRACKET}{{0,3}}\d){{6,11}}\b",
        r"\b00[34]\d{9,11}\b",  # to Europe; others could be article numbers
        r"\b0[1-9]\d{8,9}\b",
        # pairs parted by one sign throughout, which a date with its time is not
        *(rf"\b0[1-9](?:{_GAP}|_)\d\d(?:{sign}\d\d){{3}}\b" for sign in _EVEN),
        r"\b0(?: \d){9}\b",
        rf"\b0[1-9]{_GAP}\d{{3}}{_GAP}\d\d{_GAP}?\d\d\b",
        r"\b06[ \-]\d{8}\b",
        rf"\b0[1-9]\d{{1,3}}(?:{_GAP}| / )\d{{2,4}}(?:{_GAP}\d{{2,4}}){{1,3}}\b",
        rf"\b0[1-9]\d{{1,3}}(?:{_GAP}| [/\-] )\d{{5,8}}\b",
        rf"\(0[1-9]\d{{0,3}}\) ?(?:[/\-] ?)?\d(?:{_GAP}?\d){{4,8}}\b",
        rf"\(0\){_GAP}?[1-9](?:{_GAP}?\d){{7,9}}\b",
        r"(?:\b1[.\- ])?\(\d{3}\) ?\d{3}[ .\-]\d{4}\b",
        r"\b(?:1[.\-])?[2-9]\d{2}[.\-]\d{3}[.\-]\d{4}\b",
        r"\([1-9][1-9]\) ?(?:9\d{4}|2[1-9]\d\d|[3-5]\d{3})[ \-]?\d{4}\b",
    )
).replace(r"\u2010\u2011", "\u2010\u2011")
_MAY_BE_PHONE = rf"(?:\+|\b0|\()[\d_{_GAPS}()]{{8}}|\d{{3}}[.\-]\d{{3}}[.\-]"
# a number that the text itself calls something else; those in groups are hardly ever one
_NO_PHONE = (
    r"(?i)\b(?:commande|order|bestell\w*|auftrag\w*|facture|invoice|rechnung\w*|r[ée]f|r[ée]f[ée]rence|referenz|isbn|ean"
    r"|gtin|upc|sku|article|artikel|art|colis|parcel|paket|tracking|suivi|sendung\w*|ticket|dossier)"
    r"(?:[ \-]?(?:n[°o]|nr|num[ée]ro|number|nummer|id))?[ .:#°\-]{0,3}\d[\d\-]{6,}\b"
)


def _replaced(text: str, pattern: str, by: str) -> str:
    return f"regexp_replace({text}, {quote_text(pattern)}, {quote_text(by)}, 'g')"


_MARKED = _replaced("x", f"({_NO_PHONE})|{_PHONE}", rf"\1{_MARK}")
_UNMARKED = _replaced(_MARKED, rf"(\d){_MARK}", r"\1")

MACROS = (
    f"""without_addresses(x) AS CASE WHEN regexp_matches(x, {quote_text(_MAY_BE_EMAIL)})
        THEN {_replaced("x", _EMAIL, EMAIL)} ELSE x END""",
    f"""without_numbers(x) AS CASE WHEN regexp_matches(x, {quote_text(_MAY_BE_PHONE)})
        THEN replace({_UNMARKED}, {quote_text(_MARK)}, {quote_text(PHONE)}) ELSE x END""",
    f"""clean(x) AS CASE WHEN regexp_matches(x, {quote_text(f"{_MAY_BE_PHONE}|{_MAY_BE_EMAIL}")})
        THEN without_numbers(without_addresses(x)) ELSE x END""",
    f"holds_email(x) AS regexp_matches(x, {quote_text(_EMAIL)})",
    "said(x) AS nullif(trim(clean(x), ' \u00a0\u202f\u2009' || chr(9) || chr(10) || chr(13)), '')",
)

# The same where no text can hold either (`MAY_HOLD`): the engine takes long to get ready for the patterns.
MACROS_OF_PLAIN = (
    "holds_email(x) AS false",
    "clean(x) AS x",
    next(macro for macro in MACROS if macro.startswith("said(x)")),
)
MAY_HOLD = f"{_MAY_BE_PHONE}|{_MAY_BE_EMAIL}"


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis carries no types
def holds_email(text: str) -> bool:
    """The macro of this name."""
    return "@" in text


def clean_text(text: str) -> str | None:
    """The macro ``said`` for a single text that somebody typed: the same patterns in the same machine (RE2)."""
    if _matches(text, MAY_HOLD):
        found = pa.scalar(text)
        if _matches(text, _MAY_BE_EMAIL):
            found = pc.replace_substring_regex(found, _EMAIL, EMAIL)
        if _matches(found.as_py(), _MAY_BE_PHONE):
            found = pc.replace_substring_regex(found, f"({_NO_PHONE})|{_PHONE}", rf"\1{_MARK}")
            found = pc.replace_substring_regex(found, rf"(\d){_MARK}", r"\1")
        text = str(found.as_py()).replace(_MARK, PHONE)
    return text.strip(" \u00a0\u202f\u2009\t\n\r") or None


def is_identity(key: str) -> bool:
    """`holds_identity` for a single key of a person that somebody typed."""
    is_number = 9 <= len(key) <= 28 and _matches(key, f"^(?:{_PHONE})$")
    return is_number or ("@" in key and _matches(key, _EMAIL))


def _matches(text: str, pattern: str) -> bool:
    return bool(pc.match_substring_regex(pa.scalar(text), pattern).as_py())


def pseudonym_macro(secret: str) -> str:
    """A key made of an identity: the beginning of its HMAC-SHA256 under ``secret``, capitals and spaces aside."""
    key = secret.encode()
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner, outer = (f"from_hex('{bytes(byte ^ pad for byte in block).hex()}')" for pad in (0x36, 0x5C))
    return f"pseudonym(x) AS left(sha256({outer} || from_hex(sha256({inner} || encode(lower(bare(x)))))), 20)"


def holds_identity(column: Column, key: ir.StringValue) -> ir.BooleanValue:
    """Does a key hold an e-mail address, or is it a telephone number?

    Keys of things may look like a number as it is dialled at home; those of people may not.
    """
    is_person = column.refers_to == "customers" or column.name in _PERSONS
    may_be_number = key.length().between(9, 28) if is_person else (key >= "+") & (key < ",")
    return ibis.cases(
        (key.contains("@"), holds_email(key)),
        (may_be_number, key.re_search(f"^(?:{_PHONE})$")),
        else_=False,
    )
