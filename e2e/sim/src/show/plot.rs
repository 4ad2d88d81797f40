//! Line charts below each other, on a logarithmic scale. In: points. Out: an SVG that needs nothing else.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 790.0;
const TOP: f64 = 44.0;
const GAP: f64 = 54.0;
const OURS: &str = "#2563eb";
const INK: &str = "#334155";
const PALE: &str = "#e2e8f0";
const PEERS: [&str; 7] = ["#94a3b8", "#dc2626", "#d97706", "#7c3aed", "#c026d3", "#059669", "#0f172a"];
/// Nothing has no place on a logarithmic scale: it is drawn at the foot, and so is what is smaller than this.
const LEAST: f64 = 0.01;

/// One chart.
pub struct Chart {
    /// What is drawn, with its unit.
    pub title: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line.
pub struct Line {
    /// Whose.
    pub name: &'static str,
    /// Whether it is drawn to be seen first.
    pub is_ours: bool,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// The charts below each other.
#[must_use]
pub fn svg(title: &str, charts: &[Chart]) -> String {
    let mut body = String::new();
    let mut top = TOP;
    for chart in charts {
        draw(&mut body, chart, top);
        top += HEIGHT + GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\" role=\"img\" aria-label=\"{title}\">\n<rect width=\"{WIDTH}\" height=\"{top}\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"28\" font-size=\"17\" font-weight=\"600\" fill=\"{INK}\">{title}</text>\n{body}</svg>\n"
    )
}

struct Scale {
    low: (f64, f64),
    high: (f64, f64),
    top: f64,
}

impl Scale {
    fn over(lines: &[Line], top: f64) -> Self {
        let points = || lines.iter().flat_map(|line| &line.points);
        let least = points().map(|(_, y)| y.max(LEAST)).fold(f64::INFINITY, f64::min);
        let most = points().map(|(_, y)| y.max(LEAST)).fold(LEAST, f64::max);
        let left = points().map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
        let right = points().map(|(x, _)| *x).fold(f64::NEG_INFINITY, f64::max);
        Self { low: (left, least.log10()), high: (right, most.log10()), top }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.low.0) / (self.high.0 - self.low.0) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.max(LEAST).log10() - self.low.1) / (self.high.1 - self.low.1);
        self.top + (1.0 - share) * HEIGHT
    }
}

fn draw(body: &mut String, chart: &Chart, top: f64) {
    let scale = Scale::over(&chart.lines, top + 16.0);
    let _ = writeln!(
        body,
        "<text x=\"20\" y=\"{top:.0}\" font-weight=\"600\" fill=\"{INK}\">{}</text>",
        chart.title
    );
    axes(body, chart, &scale);
    for (line, colour) in chart.lines.iter().zip(PEERS.iter().cycle()) {
        let (colour, width) = if line.is_ours { (OURS, 3.0) } else { (*colour, 1.5) };
        let at = |(x, y): &(f64, f64)| format!("{:.1} {:.1}", scale.x(*x), scale.y(*y));
        let path: Vec<String> = line.points.iter().map(at).collect();
        let path = path.join("L");
        let _ = writeln!(
            body,
            "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        );
    }
    names(body, chart, &scale);
}

fn axes(body: &mut String, chart: &Chart, scale: &Scale) {
    let foot = scale.top + HEIGHT;
    for decade in scale.low.1.floor() as i32..=scale.high.1.ceil() as i32 {
        for step in [1.0, 2.0, 5.0] {
            let value = step * 10_f64.powi(decade);
            let y = scale.y(value);
            if scale.top - 0.5 <= y && y <= foot + 0.5 && value >= LEAST {
                let _ = writeln!(
                    body,
                    "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"{PALE}\"/>\
                     <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{INK}\">{value}</text>",
                    LEFT - 8.0,
                    y + 4.0
                );
            }
        }
    }
    for (x, _) in chart.lines.iter().take(1).flat_map(|line| &line.points) {
        let _ = writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{INK}\">{x}</text>",
            scale.x(*x),
            foot + 18.0
        );
    }
}

/// Names at the ends of their lines, moved apart where they would cover each other.
fn names(body: &mut String, chart: &Chart, scale: &Scale) {
    let ends = chart.lines.iter().zip(PEERS.iter().cycle());
    let mut ends: Vec<(f64, &Line, &str)> =
        ends.filter_map(|(line, colour)| Some((scale.y(line.points.last()?.1), line, *colour))).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut next = f64::NEG_INFINITY;
    for (y, line, colour) in ends {
        let y = f64::max(y, next);
        next = y + 15.0;
        let (colour, weight) = if line.is_ours { (OURS, 700) } else { (colour, 400) };
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{:.1}\" font-weight=\"{weight}\" fill=\"{colour}\">{}</text>",
            RIGHT + 10.0,
            y + 4.0,
            line.name
        );
    }
}
