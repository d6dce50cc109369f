//! Where results are kept.

use std::fs;

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
    fs::write(
        directory.join("results.json"),
        serde_json::to_vec_pretty(results)?,
    )?;
    fs::write(&readme, text)?;
    println!(
        "written: chart.svg, results.json, README.md in {}",
        directory.display()
    );
    Ok(())
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
    fn a_table_takes_the_place_of_the_one_before() {
        let page = format!("a\n{BEGIN}old\n{END}b\n");
        let once = with_table(&page, "new\n").unwrap();
        assert!(once.starts_with("a\n") && once.ends_with("b\n") && !once.contains("old"));
        assert_eq!(with_table(&once, "new\n").unwrap(), once);
        assert!(with_table("nothing", "new").is_err());
    }
}
