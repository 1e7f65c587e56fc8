//! The tables of questions: one for each time at which they were asked, and one of how they compare.

use crate::{
    answers,
    ask::{Answered, Phase},
    queries::Group,
    report::{Report, geometric_mean, median, show},
    serve::Kind,
};

/// What is compared of an answer.
#[derive(Debug, Clone, Copy)]
enum Latency {
    Cold,
    Repeated,
    Refreshed,
}

impl Latency {
    const ALL: [Self; 3] = [Self::Cold, Self::Repeated, Self::Refreshed];

    fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Repeated => "repeated",
            Self::Refreshed => "refreshed",
        }
    }

    /// Of a question that was answered (s).
    fn of(self, answered: &Answered) -> Option<f64> {
        answered.answer.as_ref().ok()?;
        match self {
            Self::Cold => Some(answered.cold),
            Self::Repeated => Some(answered.repeated),
            Self::Refreshed => answered.refreshed,
        }
    }
}

impl Report {
    /// Prints all tables of questions.
    pub(crate) fn print_questions(&self) {
        let asked = |phase| self.kinds.iter().any(|kind| self.of(*kind).any(|(_, f)| !f.answered(phase).is_empty()));
        let phases: Vec<Phase> = Phase::ALL.into_iter().filter(|phase| asked(*phase)).collect();
        phases.iter().for_each(|phase| self.print_answers(*phase));
        if self.peers().next().is_none() || phases.is_empty() {
            return;
        }
        self.print_comparison(&phases);
        phases.iter().for_each(|phase| self.print_slower(*phase));
    }

    /// The median over runs of a question's latency (ms).
    fn latency(&self, kind: Kind, phase: Phase, query: usize, of: impl Fn(&Answered) -> Option<f64>) -> Option<f64> {
        let seconds = self.of(kind).filter_map(|(_, found)| of(found.answered(phase).get(query)?));
        median(seconds.map(|s| s * 1e3).collect())
    }

    fn print_answers(&self, phase: Phase) {
        println!("Questions about {}, in ms:\n", phase.name());
        let heads: Vec<_> =
            self.kinds.iter().map(|k| format!("{0} cold | {0} repeated | {0} refreshed | {0} CPU", k.name())).collect();
        println!("| question | {} | cold ratio | repeated ratio | refreshed ratio | answers |", heads.join(" | "));
        println!("|---|{}--:|--:|--:|---|", "--:|".repeat(4 * self.kinds.len()));
        let mut different = Vec::new();
        for (i, query) in self.questions.iter().enumerate() {
            let mut cells = Vec::new();
            for kind in &self.kinds {
                let latencies = Latency::ALL.map(|latency| self.latency(*kind, phase, i, |a| latency.of(a)));
                cells.extend(latencies.map(|ms| show(ms, 2)));
                cells.push(show(self.latency(*kind, phase, i, |a| Some(a.cpu)), 2));
            }
            let (verdict, details) = self.agreement(phase, i);
            different.extend(details.into_iter().map(|d| format!("- `{}`: {d}", query.label())));
            let name = query.label().replace('|', "\\|");
            let ratios = Latency::ALL.map(|latency| show(self.ratio(phase, i, latency), 2)).join(" | ");
            println!("| `{name}` | {} | {ratios} | {verdict} |", cells.join(" | "));
        }
        println!();
        different.iter().for_each(|line| println!("{line}"));
        if !different.is_empty() {
            println!();
        }
    }

    /// Geometric means of the ratios, and how many of them are above 1.
    fn print_comparison(&self, phases: &[Phase]) {
        println!(
            "Ratios to the faster peer of each question, geometric means, and how many questions a peer answers faster:\n"
        );
        let heads = phases.iter().flat_map(|p| Latency::ALL.map(|l| format!("{}: {}", p.name(), l.name())));
        println!("| questions | {} |", heads.collect::<Vec<_>>().join(" | "));
        println!("|---|{}", "--:|".repeat(phases.len() * Latency::ALL.len()));
        let row = |name: &str, wanted: &dyn Fn(Group) -> bool| {
            let cell = |phase: Phase, latency: Latency| {
                let asked = self.questions.iter().enumerate().filter(|(_, query)| wanted(query.group));
                let ratios: Vec<f64> = asked.filter_map(|(i, _)| self.ratio(phase, i, latency)).collect();
                let slower = ratios.iter().filter(|ratio| **ratio > 1.0).count();
                let mean = geometric_mean(&ratios)?;
                Some(format!("{mean:.2}, {slower} of {}", ratios.len()))
            };
            let cells = phases.iter().flat_map(|phase| Latency::ALL.map(|latency| cell(*phase, latency)));
            let cells: Vec<String> = cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect();
            if cells.iter().any(|cell| cell != "-") {
                println!("| {name} | {} |", cells.join(" | "));
            }
        };
        Group::ALL.iter().for_each(|group| row(group.name(), &|other| other == *group));
        row("all", &|_| true);
        println!();
    }

    /// The questions that a peer answers faster.
    fn print_slower(&self, phase: Phase) {
        for latency in Latency::ALL {
            let ratios = (0..self.questions.len()).filter_map(|i| Some((self.ratio(phase, i, latency)?, i)));
            let mut slower: Vec<(f64, usize)> = ratios.filter(|(ratio, _)| *ratio > 1.0).collect();
            slower.sort_by(|a, b| b.0.total_cmp(&a.0));
            let named: Vec<_> =
                slower.iter().map(|(ratio, i)| format!("`{}` {ratio:.2}", self.questions[*i].label())).collect();
            let named = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
            println!("- A peer is faster, {}, {}: {named}.", phase.name(), latency.name());
        }
        println!();
    }

    /// Our latency by that of the faster peer among those that answered.
    fn ratio(&self, phase: Phase, query: usize, of: Latency) -> Option<f64> {
        let one = |run: usize| {
            let latency = |kind| {
                let (_, found) = self.of(kind).find(|(r, _)| *r == run)?;
                of.of(found.answered(phase).get(query)?)
            };
            let fastest = self.peers().filter_map(latency).fold(f64::INFINITY, f64::min);
            latency(Kind::Vctsdb).map(|ours| ours / fastest).filter(|r| *r > 0.0)
        };
        median((0..self.runs()).filter_map(one).collect())
    }

    /// Whether our answer is the peers', and how it differs.
    fn agreement(&self, phase: Phase, query: usize) -> (String, Vec<String>) {
        let answer =
            |kind| self.of(kind).next().and_then(|(_, found)| found.answered(phase).get(query)).map(|a| &a.answer);
        let ours = match answer(Kind::Vctsdb) {
            Some(Ok(ours)) => ours,
            Some(Err(error)) => return ("**failed**".to_owned(), vec![error.clone()]),
            None => return ("-".to_owned(), Vec::new()),
        };
        let (mut verdicts, mut details) = (Vec::new(), Vec::new());
        for peer in self.peers() {
            if peer == Kind::VictoriaMetrics && !self.questions[query].same_in_victoria_metrics {
                verdicts.push(format!("{} means another thing", peer.name()));
                continue;
            }
            if !self.questions[query].same_at_any_minute && matches!(answer(peer), Some(Ok(_))) {
                verdicts.push(format!("{} was asked at another minute", peer.name()));
                continue;
            }
            let different = match answer(peer) {
                Some(Ok(theirs)) => answers::difference(ours, theirs),
                Some(Err(error)) => Some(format!("it failed: {error}")),
                None => continue,
            };
            match different {
                None => verdicts.push(format!("as {}", peer.name())),
                Some(different) => {
                    verdicts.push(format!("**not as {}**", peer.name()));
                    details.push(format!("against {}: {different}", peer.name()));
                }
            }
        }
        (format!("{} series, {}", ours.len(), verdicts.join(", ")), details)
    }
}
