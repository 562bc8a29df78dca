"""The renderer gives what Go's text/template gives, by its documentation and its own tests, or refuses."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from shelftalk.export.go_template import DEEPEST, NotRendered, execute, parse


class Part(NamedTuple):
    """A struct with two fields."""

    Name: str
    Size: str


DATA = {
    "X": "x",
    "Empty": "",
    "Yes": True,
    "No": False,
    "Map": {"one": "1", "deep": {"er": "2"}},
    "Nothing": {},
    "Parts": [Part("peg", "3 cm"), Part("mug", "")],
    "Texts": ["a", "b"],
    "None": [],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("some text", "some text"),
        ("a { b } }} c", "a { b } }} c"),
        ("-{{.X}}-", "-x-"),
        ("-{{ .X }}-", "-x-"),
        ("-{{\n.X\n}}-", "-x-"),
        ('{{ "a \\"b\\" \\\\ \\n\\t}}" }}', 'a "b" \\ \n\t}}'),
        ("{{.Map.one}}{{.Map.deep.er}}", "12"),
        ("{{.Map.NO}} {{.Missing}}", "<no value> <no value>"),
        ("{{.Yes}} {{.No}}", "true false"),
        ("{{$.X}}{{$.Map.one}}", "x1"),
        # Trim marks take spaces, tabs, carriage returns and newlines of the text beside them, and nothing else.
        ("x \r\n\t{{- .X }}", "xx"),
        ("{{ .X -}}\n\n\ty", "xy"),
        ("x \r\n\t{{- .X -}}\n\n\ty", "xxy"),
        ("x\n{{-  .X   -}}\ny", "xxy"),
        ("x\n{{-\n.X\n-}}\ny", "xxy"),
        ("x\u00a0\f{{- .X -}}\v\u2003y", "x\u00a0\fx\v\u2003y"),
        ('{{ "1" }} {{- " 2 " -}} {{ "3" }}', "1 2 3"),
        ("a {{- .X -}} {{- .X -}} b", "axxb"),
        # Declared and set variables; = sets the one of the block around it.
        ("{{$x := .X}}{{$x}}", "x"),
        ("{{$x:=.X}}{{$x}}", "x"),
        ('{{$x := "1"}}{{$x = "2"}}{{$x}}', "2"),
        ('{{$x := "1"}}{{if .X}}{{$x = "2"}}{{end}}{{$x}}', "2"),
        ('{{$x := "1"}}{{if .X}}{{$x := "2"}}{{$x}}{{end}}{{$x}}', "21"),
        ('{{$x := "1"}}{{if .X}}{{$x := "2"}}{{$x = "3"}}{{end}}{{$x}}', "1"),
        ('{{$x := "1"}}{{$x := "2"}}{{$x}}', "2"),
        ("{{$m := .Map}}{{$m.deep.er}}", "2"),
        ('{{$last := ""}}{{range .Parts}}{{$last = .Name}}{{end}}{{$last}}', "mug"),
        ('{{range .Texts}}{{$x := "1"}}{{$x}}{{$x = .}}{{$x}}{{end}}', "1a1b"),
        # Conditions: the empty text, list and map, false and no value are false; a struct is true.
        ("{{if .X}}yes{{end}}", "yes"),
        ("{{if .Empty}}yes{{else}}no{{end}}", "no"),
        ("{{if .None}}yes{{else}}no{{end}}", "no"),
        ("{{if .Nothing}}yes{{else}}no{{end}}", "no"),
        ("{{if .Missing}}yes{{else}}no{{end}}", "no"),
        ("{{if .No}}yes{{else}}no{{end}}", "no"),
        ('{{if ""}}yes{{else}}no{{end}}', "no"),
        ("{{range .Parts}}{{if .}}yes{{end}}{{end}}", "yesyes"),
        ('+{{if eq .X "1"}}1{{else if eq .X "x"}}2{{else if .X}}3{{else}}4{{end}}+', "+2+"),
        ('+{{if eq .X "1"}}1{{else if eq .X "2"}}2{{else}}4{{end}}+', "+4+"),
        ("+{{if .No}}1{{else if .No}}2{{end}}+", "++"),
        ('{{eq .X "x"}} {{eq "a" "b"}}', "true false"),
        # Loops set dot to the element; $ remains the data.
        ("{{range .Texts}}-{{.}}-{{end}}", "-a--b-"),
        ("{{range .None}}-{{.}}-{{end}}", ""),
        ("{{range .Missing}}-{{.}}-{{end}}", ""),
        ("{{range .Parts}}{{.Name}}={{.Size}};{{end}}", "peg=3 cm;mug=;"),
        ("{{range .Parts}}{{range $.Texts}}{{.}}{{end}}{{$.X}}{{end}}", "abxabx"),
        ('{{range .Parts}}{{if eq .Name "mug"}}{{$.X}}{{end}}{{end}}', "x"),
        # A value is data: no action in it is run.
        ('{{$x := "{{ .X }}"}}{{$x}}', "{{ .X }}"),
    ],
)
def test_it_renders_what_go_renders(template: str, text: str) -> None:
    assert execute(parse(template), DATA) == text


@pytest.mark.parametrize(
    "template",
    [
        # Go refuses these too, some of them when they are executed.
        "{{}}",
        "{{\n}}",
        "hello{{range",
        "hello{{ .X",
        "{{ .X }",
        "{{end}}",
        "{{else}}",
        "{{if .X}}hello{{end}}{{else}}",
        "{{if .X}}1{{else}}2{{else}}3{{end}}",
        "{{if .X}}1{{else}}2{{else if .X}}3{{end}}",
        "hello{{range .X}}",
        "hello{{if .X}}{{else}}",
        "{{if .X}}a{{else if .X}}b{{end}}{{end}}",
        "{{if}}a{{end}}",
        "{{if .X}}a{{end .X}}",
        "{{range}}a{{end}}",
        "{{undefined}}",
        "{{$x}}",
        '{{$x = "1"}}',
        "{{if .X}}{{$x := .X}}{{end}}{{$x}}",
        "{{range .Texts}}{{$x := .}}{{end}}{{$x}}",
        "{{if .No}}{{$x := .X}}{{else}}{{$x}}{{end}}",
        '{{$x.Y := "1"}}',
        '{{$ := "1"}}',
        '{{.X := "1"}}',
        '{{"a" := "1"}}',
        "{{$x :=}}",
        '{{eq "a""b"}}',
        '{{eq .X"b"}}',
        '{{"hello".guys}}',
        "{{..E}}",
        '{{"unclosed}}',
        '{{"new\nline"}}',
        '{{"\\q"}}',
        "{{.X!}}",
        "{{-.X}}",
        "{{.X-}}",
        "{{ $x += 1 }}",
        "{{eq}}",
        '{{eq "a"}}',
        # Go knows these, this renderer does not.
        "{{/* a comment */}}",
        "{{3}}",
        "{{true}}",
        "{{`raw`}}",
        '{{"\\x41"}}',
        "{{(.X)}}",
        "{{.X | len}}",
        "{{len .X}}",
        "{{not .X}}",
        '{{eq .X "a" "b"}}',
        "{{range $x := .Texts}}{{$x}}{{end}}",
        "{{range $i, $x := .Texts}}{{$x}}{{end}}",
        "{{range .None}}1{{else}}2{{end}}",
        "{{range .Texts}}{{break}}{{end}}",
        "{{with .X}}{{.}}{{end}}",
        '{{template "x"}}',
        "{{if $x := .X}}{{$x}}{{end}}",
    ],
)
def test_it_refuses_what_go_or_it_does_not_know(template: str) -> None:
    with pytest.raises(NotRendered):
        parse(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{range .Parts}}{{.Missing}}{{end}}",  # a struct without that field
        "{{.X.Y}}",
        "{{.Missing.Y}}",
        "{{range .X}}{{.}}{{end}}",
        '{{eq .Map "a"}}',
        '{{eq .Missing "a"}}',
        "{{.Parts}}",
        "{{.Map}}",
    ],
)
def test_it_refuses_a_value_of_the_wrong_kind(template: str) -> None:
    with pytest.raises(NotRendered):
        execute(parse(template), DATA)


def test_what_is_too_deep_is_refused_and_what_is_long_is_fast() -> None:
    for opened in ("{{if .X}}", "{{range .Texts}}", "{{if .No}}{{else if .X}}"):
        depth = DEEPEST - 1 if "else" not in opened else (DEEPEST - 1) // 2
        execute(parse(opened.replace("Texts", "None") * depth + "{{end}}" * depth), DATA)
        with pytest.raises(NotRendered, match="inside each other"):
            parse(opened * 100_000)
    with pytest.raises(NotRendered, match="inside each other"):
        parse("{{if .X}}" + "{{else if .X}}" * 100_000 + "{{end}}")
    assert execute(parse("{{ .X -}} " * 20_000), DATA) == "x" * 20_000
    for unclosed in ('{{ "' + "\\" * 200_000, "{{" + " " * 200_000, "{{ $" + ".a" * 100_000):
        with pytest.raises(NotRendered):
            parse(unclosed)
