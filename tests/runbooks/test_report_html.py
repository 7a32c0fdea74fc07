"""What a report lets through of HTML, Markdown and printed text."""

from __future__ import annotations

import json

import pytest

from gocoffee_ops.runbooks.report_html import PRINTED, clean, markdown, printed, tame
from tests.runbooks.report_scene import BREAKOUT, IMAGE, SCRIPT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (SCRIPT + "a", "a"),
        ("<style>*{display:none}</style>a", "a"),
        ("<b onclick='x()' style='position:fixed' id='findings'>a</b>", "<b>a</b>"),
        ("<a href='javascript:x()'>a</a>", "<a>a</a>"),
        ("<a href=' JaVaScRiPt:x()'>a</a>", "<a>a</a>"),
        ("<a href='data:text/html,x'>a</a>", "<a>a</a>"),
        ("<a href='#findings'>a</a>", '<a href="#findings" rel="noopener noreferrer">a</a>'),
        (IMAGE + "a", "a"),
        ("</div></main>a", "a"),
        ("<div><b>a", "<div><b>a</b></div>"),
        ("<div><b>a</div>b", "<div><b>a</b></div>b"),
        ("<svg><script>x()</script></svg>a", "a"),
        ("<svg><style><img src=x onerror=x()></style></svg>a", "a"),
        ("<iframe srcdoc='<script>x()</script>'></iframe>a", "a"),
        ("<form action='//x'><input>a</form>", "a"),
        ("<!-- <script>x()</script> -->a", "a"),
        ("<![CDATA[<script>x()</script>]]>a", "x()]]&gt;a"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("<td class='gc-num' colspan='2' scope='col'>1</td>", '<td class="gc-num" colspan="2" scope="col">1</td>'),
        ("<td class='r-verdict' colspan='99999'>1</td>", "<td>1</td>"),
        ("<div class='gc r-verdict mathjax_ignore gc-box'>1</div>", '<div class="gc gc-box">1</div>'),
        ("a\x1b[31mb", "a\\x1b[31mb"),
    ],
)
def test_only_harmless_html_is_kept(given: str, kept: str) -> None:
    shown = str(clean(given))
    assert shown == kept or ("CDATA" in given and "<script" not in shown)


@pytest.mark.parametrize(
    "given", [SCRIPT, BREAKOUT, IMAGE, "<SCRIPT/SRC=//x>", "<scr<script>ipt>", "<img src=x onerror=x()//"]
)
def test_markdown_shows_html_as_text(given: str) -> None:
    for shown in (markdown(given), clean(markdown(given))):
        assert "<script" not in str(shown).lower()
        assert "<img" not in str(shown)


def test_markdown_loads_no_picture_and_leads_only_to_the_web() -> None:
    shown = str(
        markdown("![p](https://example.invalid/p.png) [a](javascript:x) [b](https://example.invalid/) [c](../up.md)")
    )
    assert "<img" not in shown
    assert "javascript" not in shown
    assert 'href="https://example.invalid/"' in shown
    assert "up.md" not in shown


def test_the_markdown_of_an_output_makes_no_headings() -> None:
    assert "<h" not in str(markdown("# Verdict: OK\n\n## all well\n\nSetext\n===="))


def test_printed_text_loses_its_colours_and_states_its_cut() -> None:
    shown = str(printed("\x1b[31mred\x1b[0m \x1b]8;;http://x\x1b\\link " + "x" * PRINTED))
    assert "red link" in shown
    assert f"the first {PRINTED:,} shown" in shown


def test_json_cannot_end_the_script_element_it_stands_in() -> None:
    text = tame([BREAKOUT, "<!--", "\u2028&"])
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == [BREAKOUT, "<!--", "\u2028&"]
