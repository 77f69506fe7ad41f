"""The prose of a folder of HTML pages, one file after the other in the order of their names.

    python prose.py /usr/share/doc/debian-handbook/html/en-US data/handbook.txt

Tags, scripts and styles are left out; runs of blanks become one, blocks end in a line of their own.
"""

import html.parser
import pathlib
import sys

BLOCKS = {"p", "li", "tr", "pre", "div", "dt", "dd", "title", "h1", "h2", "h3", "h4", "h5", "h6", "br"}
HIDDEN = {"script", "style"}


class Prose(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in HIDDEN

    def handle_endtag(self, tag):
        self.hidden -= tag in HIDDEN
        if tag in BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)

    def text(self):
        lines = (" ".join(line.split()) for line in "".join(self.parts).split("\n"))
        return "\n".join(line for line in lines if line)


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    pages = sorted(folder.glob("*.html"))
    if not pages:
        sys.exit(f"prose.py: there are no HTML pages in {folder}; apt-get install debian-handbook")
    texts = []
    for page in pages:
        prose = Prose()
        prose.feed(page.read_text(encoding="utf-8"))
        texts.append(prose.text())
    out.write_text("\n".join(texts) + "\n", encoding="utf-8")
    print(f"{out}: {len(pages)} pages, {out.stat().st_size} bytes")


main()
