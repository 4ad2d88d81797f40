//! The plot: a panel for each measure, a bar for each way, the interval as a line across its end. In: the measures. Out: an
//! SVG that needs nothing else.

use std::fmt::Write as _;

use e2e::stats::{Estimate, estimate};

use crate::{
    measure::{Measure, Values},
    proxy::DIRECT,
    target::{self, Limit, Reached},
};

const WIDTH: f64 = 960.0;
const NAME_END: f64 = 190.0;
const BAR_END: f64 = 800.0;
const ROW: f64 = 22.0;
const GAP: f64 = 30.0;
const OURS: &str = "#2563eb";
const PEER: &str = "#94a3b8";
const INK: &str = "#334155";
const MUST: &str = "#dc2626";
const GOAL: &str = "#059669";

/// All panels, one below the other.
pub fn svg(measures: &[Measure]) -> String {
    let (mut body, mut top) = (String::new(), 66.0);
    let reached = target::reached(measures);
    for measure in measures {
        panel(&mut body, measure, &reached, &mut top);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\" role=\"img\" aria-label=\"Costs of the sidecar, HAProxy, nginx and Envoy; shorter is better.\">\n\
         <rect width=\"{WIDTH}\" height=\"{top}\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"30\" font-size=\"17\" font-weight=\"600\" fill=\"{INK}\">The sidecar beside its peers: shorter is better</text>\n\
         <text x=\"20\" y=\"52\" fill=\"{INK}\">Thin lines are intervals. Where the sidecar should end:</text>\n\
         <path d=\"M380 40v16\" stroke=\"{MUST}\" stroke-width=\"2\"/><text x=\"388\" y=\"52\" fill=\"{INK}\">must</text>\n\
         <path d=\"M440 40v16\" stroke=\"{GOAL}\" stroke-width=\"2\"/><text x=\"448\" y=\"52\" fill=\"{INK}\">goal</text>\n\
         {body}</svg>\n"
    )
}

fn panel(body: &mut String, measure: &Measure, reached: &[Reached], top: &mut f64) {
    let arms: Vec<&Values> = measure.arms.iter().filter(|values| values.arm != DIRECT).collect();
    let highest = arms.iter().map(|values| estimate(&values.rounds).high).fold(f64::MIN_POSITIVE, f64::max);
    let at = |value: f64| NAME_END + value.max(0.0) / highest * (BAR_END - NAME_END);
    let (Measure { title, unit, .. }, y) = (measure, *top + 20.0);
    let _ = writeln!(
        body,
        "<text x=\"20\" y=\"{y:.0}\" font-weight=\"600\" fill=\"{INK}\">{title}, {unit}</text>"
    );
    *top += GAP;
    for values in arms {
        bar(body, values, &at, *top);
        let targets = reached.iter().filter(|it| it.measure.key == measure.key);
        for reached in targets.filter(|it| it.target.arm == values.arm) {
            limit(body, reached, &at, *top);
        }
        *top += ROW;
    }
}

fn bar(body: &mut String, values: &Values, at: &dyn Fn(f64) -> f64, top: f64) {
    let Estimate { median, low, high } = estimate(&values.rounds);
    let (name, fill) = (values.arm.name(), if values.arm.is_ours() { OURS } else { PEER });
    let (width, low, high) = (at(median) - NAME_END, at(low), at(high));
    let (edge, height, middle, line) = (top + 3.0, ROW - 6.0, top + ROW / 2.0, top + ROW / 2.0 + 4.0);
    let (name_end, number) = (NAME_END - 8.0, BAR_END + 12.0);
    let _ = writeln!(
        body,
        "<text x=\"{name_end}\" y=\"{line}\" text-anchor=\"end\" fill=\"{INK}\">{name}</text>\
         <path d=\"M{NAME_END} {edge}h{width:.1}v{height}H{NAME_END}z\" fill=\"{fill}\"/>\
         <path d=\"M{low:.1} {middle}H{high:.1}\" stroke=\"{INK}\"/>\
         <text x=\"{number}\" y=\"{line}\" fill=\"{INK}\">{median:.1}</text>"
    );
}

/// A mark where the bar of the sidecar should end.
fn limit(body: &mut String, reached: &Reached, at: &dyn Fn(f64) -> f64, y: f64) {
    let amount = match (reached.target.limit, reached.against.and_then(|arm| reached.measure.values(arm))) {
        (Limit::Share(share, _), Some(peer)) => share * estimate(&peer.rounds).median,
        (limit, _) => limit.number(),
    };
    let colour = match reached.target.level {
        target::Level::Must => MUST,
        target::Level::Goal => GOAL,
    };
    // A limit far to the right of all bars is not drawn: it is met.
    if at(amount) <= BAR_END {
        let _ = writeln!(
            body,
            "<path d=\"M{:.1} {y:.1}v{ROW}\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            at(amount)
        );
    }
}
