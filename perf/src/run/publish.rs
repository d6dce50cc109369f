//! Where results are kept.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use super::build;
use super::report::Results;
use crate::Outcome;

/// Between these lines of `perf/README.md` stands the table of the last full run.
const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- /table -->\n";

/// Keeps every sample, and the chart, beside what is built.
pub fn keep(results: &Results) -> Outcome<()> {
    let directory = build::target_directory()?;
    let directory = directory.parent().unwrap_or(&directory);
    let json = directory.join("perf.json");
    let chart = directory.join("perf.svg");
    fs::write(&json, serde_json::to_vec_pretty(results)?)?;
    fs::write(&chart, results.chart())?;
    println!(
        "all samples: {}\nchart: {}",
        json.display(),
        chart.display()
    );
    Ok(())
}

/// Puts chart, table and results where the repository shows them.
pub fn write(results: &Results) -> Outcome<()> {
    let directory = build::repository().join("perf");
    let readme = directory.join("README.md");
    let text = with_table(&fs::read_to_string(&readme)?, &results.table())?;
    fs::write(directory.join("chart.svg"), results.chart())?;
    fs::write(directory.join("results.json"), summary(results)?)?;
    fs::write(&readme, text)?;
    println!(
        "written: chart.svg, results.json, README.md in {}",
        directory.display()
    );
    Ok(())
}

/// The results without the samples they are made of, each line of the table on a line.
fn summary(results: &impl serde::Serialize) -> Outcome<String> {
    let mut text = String::from("{");
    let Value::Object(all) = serde_json::to_value(results)? else {
        return Err("results are an object".into());
    };
    for (name, value) in all.into_iter().filter(|(name, _)| name != "samples") {
        let value = match value {
            Value::Array(lines) => {
                let lines: Vec<String> = lines.iter().map(|line| format!("\n    {line}")).collect();
                format!("[{}\n  ]", lines.join(","))
            }
            other => other.to_string(),
        };
        let comma = if text.len() > 1 { "," } else { "" };
        let _ = write!(text, "{comma}\n  \"{name}\": {value}");
    }
    Ok(text + "\n}\n")
}

fn with_table(page: &str, table: &str) -> Outcome<String> {
    let missing = "perf/README.md has no place for the table";
    let (before, rest) = page.split_once(BEGIN).ok_or(missing)?;
    let (_, after) = rest.split_once(END).ok_or(missing)?;
    Ok(format!(
        "{before}{BEGIN}\n```text\n{table}```\n\n{END}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_same_without_samples() {
        let whole = serde_json::json!({
            "lines": [{ "case": "1 KiB", "rate": 1.5 }, { "case": "\"" }],
            "machine": { "cores": 2 },
            "samples": [1, 2, 3],
        });
        let text = summary(&whole).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["lines"], whole["lines"]);
        assert_eq!(read["machine"], whole["machine"]);
        assert!(read.get("samples").is_none());
    }

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let page = format!("a\n{BEGIN}old\n{END}b\n");
        let once = with_table(&page, "new\n").unwrap();
        assert!(once.starts_with("a\n") && once.ends_with("b\n") && !once.contains("old"));
        assert_eq!(with_table(&once, "new\n").unwrap(), once);
        assert!(with_table("nothing", "new").is_err());
    }
}
