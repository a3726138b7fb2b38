"""The page's style sheet. Colours are variables of `palette.ROLES`."""

from __future__ import annotations

STYLE = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
header,main{max-width:70rem;margin:0 auto;padding:0 1rem}
header{padding-top:2rem}
h1{font-size:clamp(1.6rem,1.2rem + 2vw,2.4rem);line-height:1.15;letter-spacing:-.015em;margin:0 0 1rem;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.15rem;line-height:1.3;margin:0 0 .6rem;text-wrap:balance;overflow-wrap:anywhere}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,.box:focus-visible,summary:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.4rem .8rem;z-index:9}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.facts{display:flex;flex-wrap:wrap;gap:.35rem 1.5rem;margin:0 0 1.2rem}
.facts div{display:flex;flex-direction:column;min-width:0}
.facts dt{color:var(--muted);font-size:.78rem}
.facts dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;list-style:none;margin:0 0 1.5rem;padding:.7rem 0;border-block:1px solid var(--line);font-size:.92rem}
nav a{display:inline-block;padding:.15rem 0;text-decoration:none}
nav a:hover{text-decoration:underline}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1rem}
figure,.sheet{background:var(--card);border:1px solid var(--line);border-radius:.6rem;margin:0;padding:1rem;min-width:0}
figure{display:flex;flex-direction:column}
figure svg{display:block;width:100%;max-width:30rem;height:auto;margin:0 auto;overflow:visible}
svg text{font-family:inherit}
svg *{stroke-linejoin:round;stroke-linecap:butt}
figcaption,.notes,details,.legend{color:var(--muted);font-size:.86rem;line-height:1.45}
figcaption{margin-top:.6rem}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:0 0 1.2rem}
.legend b{color:var(--ink);margin-right:.35rem;font-variant-numeric:tabular-nums}
.derived,.legend b.derived{color:var(--derived)}
.modelled,.legend b.modelled{color:var(--modelled)}
.sheet{margin-top:1rem}main{padding-bottom:2rem}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.box{overflow-x:auto;margin:0 -1rem;padding:0 0 .3rem;position:relative;overscroll-behavior-x:contain;scrollbar-width:thin;background:linear-gradient(to left,var(--card) 1.2rem,transparent 3rem) right/3rem 100% no-repeat local,linear-gradient(to left,var(--line),transparent) right/1rem 100% no-repeat}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.9rem;line-height:1.35;font-variant-numeric:tabular-nums}
th,td{padding:.45rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{vertical-align:bottom;background:var(--head);font-weight:600;font-size:.82rem;min-width:4.5rem}
.number{text-align:right}
td.number{white-space:nowrap}
td.prose{min-width:13rem}
tbody th{font-weight:600;text-align:left;min-width:6.5rem}
th:first-child{position:sticky;left:0;z-index:1;background:var(--card);padding-left:1rem;min-width:10.5rem;max-width:16rem;overflow-wrap:break-word;border-right:1px solid var(--line)}
thead th:first-child{background:var(--head)}
tbody tr:last-child>*{border-bottom:0}
tbody tr:hover>*{background:var(--head)}
.unit{display:block;color:var(--muted);font-weight:400;font-size:.95em}
sup{font-size:.72em;line-height:0;font-weight:400;margin-left:.12em}
sup a{text-decoration:none;padding:.35em .2em}
.notes p{margin:.5rem 0 0}
details{margin-top:.7rem}
summary{cursor:pointer}
details ol{margin:.4rem 0 0;padding-left:1.6rem;columns:24rem;column-gap:2.5rem}
details li{overflow-wrap:anywhere;margin:0 0 .3rem;break-inside:avoid}
details li:target{background:var(--head);color:var(--ink)}
@media (max-width:30rem){header,main{padding:0 .75rem}header{padding-top:1.4rem}figure,.sheet{padding:.75rem .6rem;border-radius:.4rem}.box{margin:0 -.6rem}th:first-child{min-width:7.6rem;max-width:8.5rem;padding-left:.6rem}}
@page{size:A4;margin:14mm 12mm}
@page across{size:A4 landscape}
@media print{
:root{color-scheme:light}
body{background:none;font-size:10pt}
header,main{max-width:none;padding:0}
h1{font-size:18pt;margin-bottom:3mm}
h2{font-size:11pt;margin-bottom:1.5mm}
.facts{gap:1mm 5mm;margin-bottom:3mm}
.facts dt{font-size:7pt}
.facts dd{font-size:9pt}
nav,.skip{display:none}
.charts{grid-template-columns:1fr 1fr;gap:5mm}
figure,.sheet{border:0;border-radius:0;padding:0;background:none}
figure{break-inside:avoid}
.sheet{margin:7mm 0 0}
.wide{page:across}
.box{overflow:visible;margin:0;background:none}
table{font-size:8pt}
.wide table{font-size:7pt}
thead{display:table-header-group}
thead th{min-width:0;font-size:inherit;background:var(--head);print-color-adjust:exact;-webkit-print-color-adjust:exact}
th,td{padding:1mm 1.2mm}
th,td,td.prose,tbody th{min-width:0}
th:first-child{position:static;padding-left:1mm;min-width:0;max-width:none}
tr{break-inside:avoid}
h2{break-after:avoid}
figcaption,.notes,details,.legend{font-size:8pt}
svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
summary{list-style:none;break-after:avoid}
details ol{columns:2}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
""".strip()
