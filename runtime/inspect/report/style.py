"""How the page looks: two themes by the reader's setting, and one column on a narrow screen."""

CSS = """
:root{color-scheme:light dark;--back:#fff;--card:#f6f8fa;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--bar:#2f6feb;
--bad:#c2410c;--range:#2f6feb22;--edge:#2f6feb;--bins:#57606a;--c0:#d1242f;--c1:#2f6feb;--c2:#1a7f37;--c3:#9a6700;
--c4:#8250df;--c5:#0e7490;--c6:#bf3989;--rest:#afb8c1}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--card:#161b22;--ink:#e6edf3;--soft:#9da7b1;--line:#30363d;
--bar:#58a6ff;--bad:#ff9a5c;--range:#58a6ff2b;--edge:#58a6ff;--bins:#9da7b1;--c0:#ff7b72;--c1:#58a6ff;--c2:#56d364;
--c3:#e3b341;--c4:#bc8cff;--c5:#39c5cf;--c6:#f778ba;--rest:#484f58}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:24px 20px 60px;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:19px;margin:38px 0 6px}
p{margin:4px 0 10px}.note,figcaption,.legend{color:var(--soft);font-size:13px}
nav{margin:12px 0;display:flex;flex-wrap:wrap;gap:4px 16px;font-size:14px}a{color:var(--bar)}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:14px}
.scroll th,.scroll td{padding:5px 12px;text-align:left;white-space:nowrap;border-bottom:1px solid var(--line)}
.scroll tr:last-child td{border-bottom:0}.scroll thead{background:var(--card)}
.scroll tr>:first-child{position:sticky;left:0;background:inherit}.scroll tbody tr{background:var(--back)}
.scroll thead tr{background:var(--card)}
.scroll .number,.number{text-align:right;font-variant-numeric:tabular-nums}
.bars th{font-weight:400;text-align:left;overflow-wrap:anywhere;width:34%;padding:2px 10px 2px 0}
.bars .number{width:92px;white-space:nowrap;padding-left:10px}
.bar{display:block;height:14px;background:var(--bar);border-radius:0 3px 3px 0;min-width:1px}
.bar.bad{background:var(--bad)}
figure{margin:10px 0}svg.chart{width:100%;max-width:560px;height:auto;display:block}
svg.chart text{fill:var(--soft);font:12px system-ui,sans-serif}svg.chart .label{fill:var(--ink)}
.grid{stroke:var(--line);stroke-width:.7}.axis{stroke:var(--soft);stroke-width:1}
.curve{fill:none;stroke-width:2;stroke-linejoin:round}.range{fill:var(--range)}.edge{stroke:var(--edge);stroke-width:1.5}
.bins{fill:var(--bins)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;padding:0;margin:6px 0}
.legend i{display:inline-block;width:14px;height:3px;margin-right:6px;vertical-align:middle}
.grid-of{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:14px}
.small{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px;margin:0}
.small svg.chart text{font-size:11px}.small figcaption{font-size:12px;overflow-wrap:anywhere}
.small b{color:var(--ink);font-weight:600}
.picture{overflow:auto;max-height:620px;border:1px solid var(--line);border-radius:8px}
summary{cursor:pointer;color:var(--bar);margin:8px 0}
@media(max-width:600px){body{padding:16px 12px 40px}h1{font-size:22px}.grid-of{grid-template-columns:1fr 1fr;gap:8px}
.small{padding:6px}.bars th{width:40%}.bars .number{width:76px}}
""" + "".join(
    f".curve.{kind}{{stroke:var(--{kind})}}circle.{kind}{{fill:var(--{kind})}}"
    f".legend .{kind}{{background:var(--{kind})}}\n"
    for kind in (*(f"c{number}" for number in range(7)), "rest")
)
