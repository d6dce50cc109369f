//! Bars as an SVG file: no scripts, no fonts that would have to be fetched, legible on light and on
//! dark ground.

use std::fmt::Write;

/// A group of bars with a scale of its own.
pub struct Panel {
    pub title: String,
    /// What the figures are.
    pub unit: &'static str,
    pub bars: Vec<Bar>,
}

/// One bar, of [`PARTS`].
pub struct Bar {
    pub label: String,
    pub ours: bool,
    pub parts: [f64; PARTS.len()],
    /// The least and the most of all rounds.
    pub spread: (f64, f64),
}

/// What a bar consists of, from left to right.
const PARTS: [&str; 3] = ["user", "kernel", "recorder and others"];

const WIDTH: usize = 1000;
const MARGIN: usize = 16;
const GAP: usize = 28;
const COLUMN: usize = (WIDTH - 2 * MARGIN - GAP) / 2;
/// Where bars begin in their column, and the most of it they fill: labels stand before, figures
/// behind.
const LABEL: usize = 240;
const BAR: usize = COLUMN - LABEL - 48;
const LINE: usize = 21;
const HEAD: usize = 64;

const STYLE: &str = "\
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
.h { font-size: 17px; font-weight: 600 }
.t { font-size: 13px; font-weight: 600 }
.u, .f { fill: #59636e }
.f { font-size: 11px }
.v { font-variant-numeric: tabular-nums }
.e { text-anchor: end }
.o { font-weight: 600 }
.axis { stroke: #afb8c1 }
.mark { stroke: #1f2328 }
.p0 { fill: #6e7781 } .p1 { fill: #afb8c1 } .p2 { fill: #d8dee4 }
.s0 { fill: #0a5cb8 } .s1 { fill: #58a6f0 } .s2 { fill: #b6dcfe }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .u, .f { fill: #9198a1 }
  .axis { stroke: #3d444d }
  .mark { stroke: #e6edf3 }
  .p0 { fill: #8b949e } .p1 { fill: #565e68 } .p2 { fill: #30363d }
  .s0 { fill: #6cb6ff } .s1 { fill: #2f6fc4 } .s2 { fill: #1b3f73 }
}
";

/// The whole picture.
pub fn svg(title: &str, panels: &[Panel], notes: &[String]) -> String {
    let mut body = String::new();
    let mut bottoms = [HEAD; 2];
    for panel in panels {
        let column = usize::from(bottoms[1] < bottoms[0]);
        let left = MARGIN + column * (COLUMN + GAP);
        bottoms[column] = draw_panel(&mut body, panel, left, bottoms[column]);
    }
    let mut bottom = bottoms[0].max(bottoms[1]) + 14;
    for note in notes {
        text(&mut body, "f", MARGIN, bottom, note);
        bottom += 16;
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {bottom}\" \
         width=\"{WIDTH}\" height=\"{bottom}\" role=\"img\" aria-label=\"{}\">\n\
         <style>\n{STYLE}</style>\n",
        escaped(title)
    );
    text(&mut svg, "h", MARGIN, 26, title);
    draw_legend(&mut svg);
    svg + &body + "</svg>\n"
}

fn draw_legend(svg: &mut String) {
    let mut left = MARGIN;
    for (part, name) in PARTS.iter().enumerate() {
        for kind in ["s", "p"] {
            let _ = writeln!(
                svg,
                "<rect class=\"{kind}{part}\" x=\"{left}\" y=\"38\" width=\"11\" height=\"11\"/>"
            );
            left += 12;
        }
        text(svg, "u", left + 5, 48, name);
        left += 22 + 7 * name.len();
    }
    let rest = "line: least to most of the rounds \u{b7} blue: Sluice \u{b7} grey: others";
    text(svg, "u", left, 48, rest);
}

/// Draws from `top` on, and answers where the next one may begin.
fn draw_panel(svg: &mut String, panel: &Panel, left: usize, top: usize) -> usize {
    let mut y = top + 22;
    text(svg, "t", left, y, &panel.title);
    text(svg, "u e", left + COLUMN, y, panel.unit);
    y += 8;
    let lengths = panel.bars.iter().map(|bar| bar.total().max(bar.spread.1));
    let scale = BAR as f64 / lengths.fold(f64::MIN_POSITIVE, f64::max);
    let begin = left + LABEL;
    let _ = writeln!(
        svg,
        "<path class=\"axis\" d=\"M{begin}.5 {y}v{}\"/>",
        panel.bars.len() * LINE
    );
    for bar in &panel.bars {
        draw_bar(svg, bar, begin, y, scale);
        y += LINE;
    }
    y + 16
}

fn draw_bar(svg: &mut String, bar: &Bar, begin: usize, top: usize, scale: f64) {
    let (kind, strong) = if bar.ours { ("s", " o") } else { ("p", "") };
    let base = top + 15;
    text(svg, &format!("e{strong}"), begin - 6, base, &bar.label);
    let mut x = begin as f64 + 1.0;
    for (part, value) in bar.parts.iter().enumerate() {
        let width = value * scale;
        if width >= 0.05 {
            let _ = writeln!(
                svg,
                "<rect class=\"{kind}{part}\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" \
                 height=\"14\"/>",
                top + 4
            );
        }
        x += width;
    }
    let (least, most) = bar.spread;
    let (from, to) = (least * scale, most * scale);
    let origin = begin as f64 + 1.0;
    if to - from >= 1.0 {
        let _ = writeln!(
            svg,
            "<path class=\"mark\" d=\"M{:.1} {}H{:.1}\"/>",
            origin + from,
            top + 11,
            origin + to
        );
    }
    let end = (x.max(origin + to) + 5.0) as usize;
    text(svg, &format!("v{strong}"), end, base, &short(bar.total()));
}

impl Bar {
    fn total(&self) -> f64 {
        self.parts.iter().sum()
    }
}

fn text(svg: &mut String, class: &str, x: usize, y: usize, text: &str) {
    let text = escaped(text);
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>"
    );
}

/// Three digits are enough to look at.
fn short(value: f64) -> String {
    match value {
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(bars: &[(&str, bool, f64)]) -> Panel {
        let bars = bars.iter().map(|(label, ours, value)| Bar {
            label: (*label).to_owned(),
            ours: *ours,
            parts: [value / 2.0, value / 2.0, 0.0],
            spread: (*value, *value),
        });
        Panel {
            title: "1 KiB & more".to_owned(),
            unit: "\u{b5}s",
            bars: bars.collect(),
        }
    }

    #[test]
    fn what_it_is_told_cannot_break_the_picture() {
        let picture = svg(
            "<&\">",
            &[panel(&[("a<b", true, 1.0)])],
            &["x & y".to_owned()],
        );
        assert!(picture.contains("a&lt;b") && picture.contains("1 KiB &amp; more"));
        assert_eq!(
            picture.matches("<text").count(),
            picture.matches("</text>").count()
        );
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
    }

    #[test]
    fn the_longest_bar_fills_its_column_and_others_are_in_proportion() {
        let picture = svg("t", &[panel(&[("a", false, 10.0), ("b", true, 20.0)])], &[]);
        let half = |kind: &str, value: usize| {
            let rect = format!("<rect class=\"{kind}\" x=\"{}.0\"", MARGIN + LABEL + 1);
            let at = picture.find(&rect).expect(kind);
            let width = format!("width=\"{:.1}\"", BAR as f64 * value as f64 / 40.0);
            assert!(picture[at..].lines().next().unwrap().contains(&width));
        };
        half("p0", 10);
        half("s0", 20);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let picture = svg("t", &[panel(&[("a", false, 0.0)])], &[]);
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
        assert!(svg("t", &[], &[]).ends_with("</svg>\n"));
    }
}
