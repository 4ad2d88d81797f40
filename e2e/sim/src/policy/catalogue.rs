//! Every policy by its name.

use clap::ValueEnum;
use serde::Serialize;

use super::{
    Policy,
    c3::C3,
    longshore::Longshore,
    p2c::PeakEwma,
    pool::{Parameters, Pool, Rule},
    random::Uniform,
    wrr::WeightedRoundRobin,
};
use crate::{random::Random, world::Chooser};

/// A policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// Any server, each as likely
    Random,
    /// Weighted round robin, gRFC A58
    Wrr,
    /// Power of two choices with peak EWMA
    P2c,
    /// C3, from answers
    C3,
    /// The rule of C3 on Prequal's pool
    C3Pool,
    /// Prequal, asynchronous mode
    Prequal,
    /// Ours: the device library as it ships
    Longshore,
    /// The same, and sidecars that tell each other and devices how all stand
    LongshoreRoutes,
    /// Whoever knows everything
    Oracle,
}

impl Name {
    /// Every policy.
    pub const ALL: [Self; 9] = [
        Self::Random,
        Self::Wrr,
        Self::P2c,
        Self::C3,
        Self::C3Pool,
        Self::Prequal,
        Self::Longshore,
        Self::LongshoreRoutes,
        Self::Oracle,
    ];

    /// Whether it is shipped by us.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Longshore | Self::LongshoreRoutes)
    }

    /// As on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Wrr => "wrr",
            Self::P2c => "p2c",
            Self::C3 => "c3",
            Self::C3Pool => "c3-pool",
            Self::Prequal => "prequal",
            Self::Longshore => "longshore",
            Self::LongshoreRoutes => "longshore-routes",
            Self::Oracle => "oracle",
        }
    }
}

/// Who they choose for, and how.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Clients.
    pub clients: usize,
    /// Servers.
    pub servers: usize,
    /// Prequal's parameters.
    pub pool: Parameters,
    /// Seconds that a client needs for the work itself; infinite where it cannot.
    pub local: f64,
    /// Control messages that our devices may send per query.
    pub budget: f64,
}

/// A policy for each client.
#[must_use]
pub fn chooser(name: Name, setting: Setting, random: &mut Random) -> Chooser {
    let Setting { clients, servers, pool, local, budget } = setting;
    let mut one = || -> Box<dyn Policy> {
        match name {
            Name::Random => Box::new(Uniform { servers }),
            Name::Wrr => Box::new(WeightedRoundRobin::new(servers)),
            Name::P2c => Box::new(PeakEwma::new(servers)),
            Name::C3 => Box::new(C3::new(servers, clients)),
            Name::C3Pool => Box::new(Pool::new(servers, pool, Rule::C3 { clients }, random.fork())),
            Name::Longshore => Box::new(Longshore::new(servers, local, budget, false, random.fork())),
            Name::LongshoreRoutes => Box::new(Longshore::new(servers, local, budget, true, random.fork())),
            Name::Prequal | Name::Oracle => Box::new(Pool::new(servers, pool, Rule::HotCold, random.fork())),
        }
    };
    match name {
        Name::Oracle => Chooser::Oracle,
        _ => Chooser::Policies((0..clients).map(|_| one()).collect()),
    }
}
