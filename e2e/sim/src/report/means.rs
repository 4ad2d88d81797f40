//! Figures over seeds.

use crate::{policy::catalogue::Name, world::tally::Figures};

/// What was run, whatever the seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// How many servers there were.
    pub servers: usize,
    /// Load over what is allotted.
    pub load: f64,
    /// Who chose.
    pub policy: Name,
}

/// Means over seeds, and of the times of crashes the longest: one that was not reached is longer than any.
pub struct Means(Vec<(Key, Figures)>);

impl Means {
    /// Over figures of one key each; those of one key stand together.
    pub fn over(all: impl IntoIterator<Item = (Key, Figures)>) -> Self {
        let mut groups: Vec<(Key, Vec<Figures>)> = Vec::new();
        for (key, figures) in all {
            match groups.last_mut().filter(|(last, _)| *last == key) {
                Some((_, group)) => group.push(figures),
                None => groups.push((key, vec![figures])),
            }
        }
        Self(groups.into_iter().map(|(key, group)| (key, mean(&group))).collect())
    }

    /// Each key with its means, in the order in which they were run.
    pub fn iter(&self) -> impl Iterator<Item = &(Key, Figures)> {
        self.0.iter()
    }

    /// The means of one key.
    ///
    /// # Panics
    /// When it was not run.
    #[must_use]
    pub fn of(&self, key: Key) -> Figures {
        self.0.iter().find(|(known, _)| *known == key).expect("what is asked for was run").1
    }
}

fn mean(group: &[Figures]) -> Figures {
    let mean = |of: fn(&Figures) -> f64| group.iter().map(of).sum::<f64>() / group.len().max(1) as f64;
    let longest = |of: fn(&Figures) -> Option<f64>| {
        group.iter().map(of).try_fold(0.0_f64, |longest, time| time.map(|time| longest.max(time)))
    };
    Figures {
        queries: group.iter().map(|figures| figures.queries).sum(),
        misses: mean(|figures| figures.misses),
        local: mean(|figures| figures.local),
        p50: mean(|figures| figures.p50),
        p99: mean(|figures| figures.p99),
        p999: mean(|figures| figures.p999),
        control: mean(|figures| figures.control),
        sent: mean(|figures| figures.sent),
        noticed: longest(|figures| figures.noticed),
        forgotten: longest(|figures| figures.forgotten),
    }
}
