"""Numbers of a report's text, and whether the files of the results have them."""

import bisect
import re
from decimal import Decimal
from html.parser import HTMLParser

TEXTS = {"p", "td", "th", "dd", "li", "figcaption"}
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\d)")


class Sections(HTMLParser):
    """Text of a page by section: every paragraph and every cell of a table, without the numbers of columns and anchors."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tables, self._at, self._open = {}, {}, "head", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "section":
            self._at = attributes["id"]
        if tag == "table":
            self.tables.setdefault(self._at, []).append([])
        if tag == "tr":
            self.tables[self._at][-1].append([])
        if tag in TEXTS:
            self._open = ""

    def handle_data(self, data):
        if self._open is not None:
            self._open += data

    def handle_endtag(self, tag):
        if tag in TEXTS and self._open is not None:
            text = self._open.replace("\u00a0", " ")
            self.texts.setdefault(self._at, []).append(text)
            if tag in {"td", "th"}:
                self.tables[self._at][-1][-1].append(text)
            self._open = None


def stored_numbers(*documents):
    """Return all numbers of documents of results, and hundred times them, sorted; without matrices and curves."""
    found = set()

    def take(value):
        if isinstance(value, dict):
            for key, one in value.items():
                if not any(word in key for word in ("covariance", "shifts", "exclusion")):
                    take(one)
        elif isinstance(value, list):
            for one in value:
                take(one)
        elif isinstance(value, str):
            found.update(float(text) for text in NUMBER.findall(value))
        elif value is not None and not isinstance(value, bool):
            found.add(abs(float(value)))

    take(list(documents))
    return sorted(found | {100.0 * value for value in found})


def not_stored(texts, stored):
    """Return the numbers of texts that are no number of the files, rounded to the digits shown."""
    missing = []
    for text in texts:
        whole = re.sub(r"\(([^()]*)\)(e[+-]\d+)", lambda m: NUMBER.sub(lambda n: n[0] + m[2], m[1]), text)
        for shown in NUMBER.findall(whole):
            number = abs(Decimal(shown))
            half = float(Decimal((0, (1,), Decimal(shown).as_tuple().exponent))) * 0.5001
            at = bisect.bisect_left(stored, float(number) - half)
            if at == len(stored) or stored[at] > float(number) + half:
                missing.append((shown, text))
    return missing
