"""Prints what Python's encoders make of the secrets that come as JSON on the standard input."""

import base64, csv, html, io, json, quopri, re, shlex, sys, urllib.parse, xml.sax.saxutils
from xml.etree import ElementTree


def element(text):
    made = ElementTree.Element("failure", {"message": text})
    made.text = text
    return ElementTree.tostring(made, encoding="unicode")


def row(text):
    out = io.StringIO()
    csv.writer(out).writerow([text])
    return out.getvalue()


def form(text):
    return urllib.parse.urlencode({"k": text})


def b64(text):
    return base64.b64encode(text.encode()).decode()


def wrapped(text, width, end):
    whole = b64(text)
    return end.join(whole[i : i + width] for i in range(0, len(whole), width))


encoders = {
    "json.dumps": json.dumps,
    "json.dumps, not ASCII": lambda s: json.dumps(s, ensure_ascii=False),
    "json.dumps twice": lambda s: json.dumps(json.dumps(s)),
    "json.dumps three times": lambda s: json.dumps(json.dumps(json.dumps(s))),
    "json.dumps in html": lambda s: html.escape(json.dumps(s)),
    "json.dumps twice in html": lambda s: html.escape(json.dumps(json.dumps(s))),
    "json.dumps in xml": lambda s: xml.sax.saxutils.escape(json.dumps(s)),
    "json.dumps in xml attribute": lambda s: xml.sax.saxutils.quoteattr(json.dumps(s)),
    "json.dumps in quote": lambda s: urllib.parse.quote(json.dumps(s)),
    "json.dumps in shlex": lambda s: shlex.quote(json.dumps(s)),
    "shlex in json.dumps": lambda s: json.dumps(shlex.quote(s)),
    "shlex in json.dumps in html": lambda s: html.escape(json.dumps(shlex.quote(s))),
    "shlex in html": lambda s: html.escape(shlex.quote(s)),
    "html.escape": html.escape,
    "html.escape, no quotes": lambda s: html.escape(s, quote=False),
    "html.escape twice": lambda s: html.escape(html.escape(s)),
    "html.escape in json.dumps": lambda s: json.dumps(html.escape(s)),
    "html.escape in quote": lambda s: urllib.parse.quote(html.escape(s)),
    "character references": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "character references, hex": lambda s: "".join(f"&#x{ord(c):x};" for c in s),
    "character references, HEX, zeros": lambda s: "".join(f"&#X{ord(c):06X};" for c in s),
    "xmlcharrefreplace": lambda s: s.encode("ascii", "xmlcharrefreplace").decode(),
    "backslashreplace": lambda s: s.encode("ascii", "backslashreplace").decode(),
    "saxutils.escape": xml.sax.saxutils.escape,
    "saxutils.quoteattr": xml.sax.saxutils.quoteattr,
    "ElementTree": element,
    "quote": urllib.parse.quote,
    "quote, safe=''": lambda s: urllib.parse.quote(s, safe=""),
    "quote, lower case": lambda s: re.sub(r"%..", lambda m: m[0].lower(), urllib.parse.quote(s, safe="")),
    "quote twice": lambda s: urllib.parse.quote(urllib.parse.quote(s)),
    "quote in html": lambda s: html.escape(urllib.parse.quote(s, safe="&'\"")),
    "quote_plus": urllib.parse.quote_plus,
    "quote, all safe": lambda s: urllib.parse.quote(s, safe="/:?#[]@!$&'()*+,;="),
    "urlencode": form,
    "urlencode in json.dumps": lambda s: json.dumps(form(s)),
    "shlex.quote": shlex.quote,
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda s: repr(s.encode()),
    "repr of repr": lambda s: repr(repr(s)),
    "repr in json.dumps": lambda s: json.dumps(repr(s)),
    "unicode_escape": lambda s: s.encode("unicode_escape").decode(),
    "re.escape": re.escape,
    "csv": row,
    "quopri": lambda s: quopri.encodestring(s.encode()).decode(),
    "b64encode": b64,
    "urlsafe_b64encode": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "encodebytes": lambda s: base64.encodebytes(s.encode()).decode(),
    "encodebytes in json.dumps": lambda s: json.dumps(base64.encodebytes(s.encode()).decode()),
    "encodebytes in xml attribute": lambda s: xml.sax.saxutils.quoteattr(base64.encodebytes(s.encode()).decode()),
    "b64encode in quote": lambda s: urllib.parse.quote(b64(s), safe=""),
    "b64encode in lines of 64": lambda s: wrapped(s, 64, "\n"),
    "b64encode in lines of 76, CRLF": lambda s: wrapped(s, 76, "\r\n"),
    "b64encode in indented lines": lambda s: wrapped(s, 64, "\n      "),
    "b64encode of json.dumps": lambda s: b64(json.dumps({"auths": {"ghcr.io": {"password": s}}})),
    "urlsafe_b64encode of json.dumps": lambda s: base64.urlsafe_b64encode(json.dumps({"p": s}, ensure_ascii=False).encode()).decode(),
    "configuration of docker": lambda s: b64(json.dumps({"auths": {"ghcr.io": {"auth": b64("user:" + s)}}})),
    "configuration of docker, another user": lambda s: b64(json.dumps({"auths": {"ghcr.io": {"auth": b64("me:" + s), "email": ""}}})),
    "b64encode twice": lambda s: b64(b64(s)),
    "xxd -i": lambda s: ",\n  ".join(", ".join(f"0x{b:02x}" for b in s.encode()[i : i + 12]) for i in range(0, len(s.encode()), 12)),
    "list of bytes": lambda s: str(list(s.encode())),
    "json.dumps of a list of bytes": lambda s: json.dumps(list(s.encode()), indent=2),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "hex with colons": lambda s: s.encode().hex(":"),
    "hex with blanks": lambda s: s.encode().hex(" ", 2),
    "SQL": lambda s: "'" + s.replace("'", "''") + "'",
    "octal": lambda s: "".join(f"\\{b:03o}" for b in s.encode()),
    "\\x": lambda s: "".join(f"\\x{b:02x}" for b in s.encode()),
    "coloured": lambda s: "\x1b[31m" + "\x1b[0m\x1b[1;32m".join(s) + "\x1b[0m",
}

secrets = json.load(sys.stdin)
json.dump({name: {how: encode(text) for how, encode in encoders.items()} for name, text in secrets.items()}, sys.stdout)
