/** What the page of a training adds to the style of every page. */
export const TRAINING_STYLE = `
:root { --bad: #c0392b; --good: #4a86c8; }
body { max-width: 62rem; }
section { margin-top: 2.2rem; } section > p { max-width: 46rem; }
td, dd, li, figcaption, h1, p { overflow-wrap: anywhere; }
td:not(.n) { white-space: normal; min-width: 6rem; }
ul.warnings { border-left: 4px solid var(--bad); padding: .4rem 1rem .4rem 2rem; background: var(--soft); }
dl { grid-template-columns: max-content 1fr; }
svg.chart text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg.chart, svg.accuracy { width: 100%; height: auto; max-width: 42rem; display: block; overflow: visible; }
.grid { stroke: var(--line); } .curve { stroke: var(--good); stroke-width: 2; fill: none; } .chart circle { fill: var(--good); }
.whisker { stroke: currentColor; stroke-width: 1.5; fill: none; } .base { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 5 4; }
.all { fill: var(--line); } .right { fill: var(--good); }
ul.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .8rem; list-style: none; padding: 0; }
ul.pictures + ul.pictures { border-top: 1px solid var(--line); padding-top: .8rem; }
figure { margin: 0; font-size: .85rem; } figure img { display: block; max-width: 96px; max-height: 96px; border-radius: 3px; }
.none { display: grid; place-items: center; width: 96px; height: 72px; background: var(--soft); }
small { opacity: .7; }
@media (max-width: 40rem) {
  body { margin: 1rem auto; } th, td { padding: .25rem .35rem; } td.n { white-space: normal; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; }
  ul.pictures { grid-template-columns: repeat(2, 1fr); }
}
`;
