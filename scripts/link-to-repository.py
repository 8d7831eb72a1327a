"""A hook of mkdocs: links that lead out of docs/ lead to the repository."""

import posixpath
import re

BLOB = "https://github.com/floe/k8s-test-action/blob/main/"
LINK = re.compile(r"\]\((\.\./[^)\s]+)\)")


def on_page_markdown(markdown, page, **_):
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def rewrite(match):
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        return match[0] if target.startswith("docs/") else f"]({BLOB}{target})"

    return LINK.sub(rewrite, markdown)
