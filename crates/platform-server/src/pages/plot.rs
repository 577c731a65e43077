//! Small plots as SVG, drawn on the server: bars of a funnel, a curve over days. Each has its figures in a table beside it.
use maud::{Markup, html};

/// Bars from the widest down: each step of a funnel with how many got there.
pub fn funnel(steps: &[(&str, u64)], label: &str) -> Markup {
    const WIDTH: u64 = 440;
    const ROW: u64 = 46;
    let most = steps.iter().map(|step| step.1).max().unwrap_or(0).max(1);
    let height = steps.len() as u64 * ROW;
    html! {
        svg class="plot" viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(label) {
            @for (at, (name, count)) in steps.iter().enumerate() {
                @let y = at as u64 * ROW;
                rect class="rest" x="0" y=(y + 22) width=(WIDTH) height="12" rx="6" {}
                @if *count > 0 { rect class="bar" x="0" y=(y + 22) width=((WIDTH * count / most).max(12)) height="12" rx="6" {} }
                text x="0" y=(y + 14) { (name) }
                text class="figure" x=(WIDTH) y=(y + 14) text-anchor="end" { (thousands(*count)) }
            }
        }
    }
}

/// A curve through one figure a day, from 0 up, the oldest first.
pub fn days(figures: &[u64], first: &str, last: &str, label: &str) -> Markup {
    const WIDTH: f64 = 440.0;
    const HEIGHT: f64 = 120.0;
    let most = figures.iter().copied().max().unwrap_or(0);
    let step = WIDTH / (figures.len().max(2) - 1) as f64;
    let points = figures
        .iter()
        .enumerate()
        .map(|(at, figure)| {
            let y = 8.0 + HEIGHT * (1.0 - *figure as f64 / most.max(1) as f64);
            format!("{:.1},{y:.1}", at as f64 * step)
        })
        .collect::<Vec<_>>()
        .join(" ");
    html! {
        svg class="plot" viewBox="0 -14 440 166" role="img" aria-label=(label) {
            line class="axis" x1="0" y1="128" x2="440" y2="128" {}
            polyline class="curve" points=(points) {}
            text x="0" y="148" { (first) }
            text x="440" y="148" text-anchor="end" { (last) }
            text class="figure" x="0" y="0" { (thousands(most)) }
        }
    }
}

/// 12,345.
pub fn thousands(figure: u64) -> String {
    let digits = figure.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_by_thousands() {
        for (figure, words) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(thousands(figure), words);
        }
    }

    #[test]
    fn an_empty_plot_is_still_a_plot() {
        assert!(
            funnel(&[("started", 0)], "x")
                .into_string()
                .contains("started")
        );
        assert!(days(&[], "a", "b", "x").into_string().contains("polyline"));
    }
}
