//! Figures of several rounds as one, and which rounds may stand in one figure.

use serde::Serialize;

/// Several rounds' figures as one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// Nothing, when there are no figures.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = match values.len() % 2 {
            1 => upper,
            _ => (values[middle - 1] + upper) / 2.0,
        };
        Some(Spread {
            median,
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

/// Round trips of a cache line, nanoseconds, that are of one placement of the two cores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Placement {
    pub from: f64,
    pub to: f64,
    /// Samples of this placement, and of others.
    pub kept: usize,
    pub left_out: usize,
}

/// Round trips that differ by more than this factor are of different placements.
const MOVED: f64 = 1.6;

impl Placement {
    /// The placement that most samples were taken in.
    pub fn of(trips: impl IntoIterator<Item = f64>) -> Placement {
        let mut trips: Vec<f64> = trips.into_iter().collect();
        trips.sort_by(f64::total_cmp);
        let count = |from: f64| {
            let in_it = trips
                .iter()
                .filter(|trip| **trip >= from && **trip <= from * MOVED);
            in_it.count()
        };
        // Of equally many, the nearer.
        let best = trips.iter().rev().copied().max_by_key(|from| count(*from));
        let from = best.unwrap_or_default();
        let kept = count(from);
        let last = trips.iter().rev().find(|trip| **trip <= from * MOVED);
        Placement {
            from,
            to: last.copied().unwrap_or_default(),
            kept,
            left_out: trips.len() - kept,
        }
    }

    pub fn has(&self, trip: f64) -> bool {
        (self.from..=self.to).contains(&trip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_stands_in_the_middle() {
        assert_eq!(Spread::of([]), None);
        let of = |values: &[f64]| Spread::of(values.iter().copied()).unwrap();
        assert_eq!(of(&[3.0]).median, 3.0);
        assert_eq!(of(&[3.0, 1.0]).median, 2.0);
        let three = of(&[9.0, 1.0, 2.0]);
        assert_eq!((three.median, three.min, three.max), (2.0, 1.0, 9.0));
    }

    #[test]
    fn the_placement_with_most_samples_is_the_one() {
        let near = Placement::of([60.0, 62.0, 70.0, 330.0, 325.0]);
        assert_eq!((near.from, near.to), (60.0, 70.0));
        assert_eq!((near.kept, near.left_out), (3, 2));
        assert!(near.has(62.0) && !near.has(325.0));
        let far = Placement::of([60.0, 330.0, 325.0, 400.0]);
        assert_eq!((far.from, far.to, far.left_out), (325.0, 400.0, 1));
        let even = Placement::of([330.0, 60.0]);
        assert_eq!(even.from, 60.0);
        assert_eq!(Placement::of([]).kept, 0);
    }
}
