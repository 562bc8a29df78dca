"""The styles of documents, on screen and in print, and of pictures that are files of their own."""

from __future__ import annotations

# Colours have their light values also where no page defines them: in a picture of its own.
PICTURE_STYLE = """
svg { font: 12px system-ui, sans-serif; fill: var(--ink, #2b2118); }
svg .interval { stroke: var(--mark, #9a3412); stroke-width: 2; } svg circle { fill: var(--mark, #9a3412); }
svg .axis { stroke: var(--line, #d9cfc0); } svg .tick, svg .score { fill: var(--pale, #6b5c4b); }
svg .bar { fill: var(--bar, #b9a285); } svg polyline { fill: none; }
svg .single { stroke: var(--line, #d9cfc0); } svg .mean { stroke: var(--ink, #2b2118); stroke-width: 1.8; }
svg .validation { stroke: var(--mark, #9a3412); stroke-width: 1.5; stroke-dasharray: 5 3; }
"""
_LIGHT = """color-scheme: light; --ink: #2b2118; --pale: #6b5c4b; --paper: #fffdf9; --line: #d9cfc0; --mark: #9a3412;
  --hint: #fde7d3; --wrong: #b91c1c; --wrong-hint: #fbd5d5; --right: #3f6212; --bar: #b9a285; --box: #f6f0e6;"""
_PAGE = """
:root { $LIGHT color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #f3ece2; --pale: #b8a993; --paper: #1a1714; --line: #4a4138;
  --mark: #fb923c; --hint: #5b2c0d; --wrong: #f87171; --wrong-hint: #5f1616; --right: #a3e635; --bar: #8a755c;
  --box: #26211c; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p, li { max-width: 46rem; } li { margin: .25rem 0; }
.note { border-left: 4px solid var(--mark); background: var(--box); padding: .6rem .9rem; }
pre { background: var(--box); padding: .7rem .9rem; font-size: .84rem; line-height: 1.45; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .86rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; }
thead th { color: var(--pale); font-weight: 600; } tbody th { font-weight: 500; }
td { font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; } figcaption { font-weight: 600; font-size: .9rem; }
svg { width: 100%; max-width: 44rem; }
$PICTURES
blockquote { margin: .5rem 0; padding: .4rem .9rem; border-left: 3px solid var(--line); white-space: pre-wrap;
  overflow-wrap: anywhere; }
blockquote b { display: block; color: var(--pale); font-size: .78rem; font-weight: 600; }
blockquote.title { border: 0; padding: 0; font-weight: 700; margin-top: 1.6rem; } blockquote.title b { display: none; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
@media screen and (max-width: 40rem) { .pair { grid-template-columns: 1fr; } }
mark { background: var(--hint); color: inherit; border-bottom: 2px solid var(--mark); }
mark.contradicted { background: var(--wrong-hint); border-bottom: 4px double var(--wrong); }
mark.supported { background: none; border-bottom: 1.5px dotted var(--right); }
@page { size: A4; margin: 17mm 17mm 18mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt system-ui, sans-serif; color: #6b5c4b; } }
@media print { :root { $LIGHT --paper: white; }
  body { margin: 0; padding: 0; max-width: none; font-size: 10pt; line-height: 1.4; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
  h1 { font-size: 19pt; margin-top: 0; } h2 { font-size: 13.5pt; margin: 1.5rem 0 .5rem; }
  h3 { font-size: 11pt; margin: 1.1rem 0 .3rem; } figcaption { font-size: 9.5pt; }
  p { margin: .5rem 0; } ul, ol { margin: .4rem 0; }
  h1, h2, h3, figcaption, blockquote.title { break-after: avoid; }
  p:has(+ .wide, + figure, + pre, + ul, + ol) { break-after: avoid; }
  p, li { max-width: none; orphans: 3; widows: 3; }
  figure, blockquote, tr, pre, section, .note, .pair, .whole { break-inside: avoid; }
  .wide { overflow: visible; } table { font-size: 8.6pt; margin: .6rem 0; } th, td { padding: .17rem .8rem .17rem 0; }
  blockquote { font-size: 8.8pt; line-height: 1.34; margin: .35rem 0; padding: .15rem .7rem; }
  figure { margin: .8rem 0; }
  .pair { margin: .3rem 0; gap: .6rem; }
  .pair blockquote { font-size: 8.4pt; line-height: 1.28; }
  pre { font-size: 8.2pt; padding: .5rem .8rem; } svg { max-width: 12.5cm; }
  section p { font-size: 8.8pt; line-height: 1.36; margin: .35rem 0; } }
"""
STYLE = _PAGE.replace("$LIGHT", _LIGHT).replace("$PICTURES", PICTURE_STYLE.strip())
