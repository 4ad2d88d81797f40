//! What a question reads of an endpoint. Made when the endpoint changes, so that a question, which looks at all of them, has
//! only numbers to add and compare.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    num::NonZeroU64,
    time::{Duration, Instant},
};

use super::{Identity, Standing};

/// An endpoint where more than this share fails is a fallback only: one that fails fast looks idle.
const FAILING_MAX: f32 = 0.5;

/// An endpoint that is listed and was not heard of for this long is doubtful.
const UNHEARD_MAX: Duration = Duration::from_secs(30);

/// How far an endpoint may be trusted with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Good,
    /// Not heard of lately, or failing.
    Doubtful,
    /// It takes no new work.
    Closed,
}

/// One endpoint, in one line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Glance {
    /// When its latest report was true, in seconds since the table began; minus infinity before the first.
    pub(crate) heard: f64,
    /// From when on it should have been heard of, likewise; infinity once it was.
    unheard_from: f64,
    site: Option<Tag>,
    file: Option<Tag>,
    pub(crate) wait_us: f32,
    pub(crate) p50_us: f32,
    /// Of the time in the model server the part by which one request ahead makes another wait.
    pub(crate) slot: f32,
    /// How often a request must be sent until it is answered.
    pub(crate) tries: f32,
    /// Requests on their way there, as of the moment that [`super::Table`] keeps for all.
    pub(crate) unseen: f32,
    rank: Rank,
    is_dialled: bool,
}

impl Glance {
    /// An endpoint that is in the table since `since`, in seconds.
    pub(super) fn of(
        identity: &Identity,
        standing: &Standing,
        epoch: Instant,
        since: Instant,
        unseen: f32,
    ) -> Self {
        let is_doubtful = standing.is_silent || standing.failing > FAILING_MAX;
        let unheard_from = || seconds(epoch, since + UNHEARD_MAX);
        Self {
            heard: standing.heard.map_or(f64::NEG_INFINITY, |heard| seconds(epoch, heard)),
            unheard_from: standing.heard.map_or_else(unheard_from, |_| f64::INFINITY),
            site: Tag::of(&identity.zone),
            file: identity.digest.as_ref().and_then(|digest| Tag::of(digest.as_str())),
            wait_us: standing.wait_us,
            p50_us: standing.p50_us,
            slot: 1.0 / standing.slots.max(1.0),
            tries: 1.0 / (1.0 - standing.failing.min(FAILING_MAX)),
            unseen,
            rank: match standing {
                Standing { is_closed: true, .. } => Rank::Closed,
                _ if is_doubtful => Rank::Doubtful,
                _ => Rank::Good,
            },
            is_dialled: !identity.url.is_empty(),
        }
    }

    pub(crate) fn rank(&self, now: f64) -> Rank {
        if now > self.unheard_from { self.rank.max(Rank::Doubtful) } else { self.rank }
    }

    /// Whether devices can dial it, and it serves this file if any is asked for.
    pub(crate) fn serves(&self, file: Option<Tag>) -> bool {
        self.is_dialled && (file.is_none() || self.file == file)
    }

    /// Whether it stands at this site, as far as either is known.
    pub(crate) fn may_stand_at(&self, site: Option<Tag>) -> bool {
        site.is_none() || self.site.is_none() || self.site == site
    }
}

/// A word as a number. Whoever finds two words with one number gains nothing: an endpoint says itself which word is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(NonZeroU64);

impl Tag {
    /// None of an empty word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        let number = NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN);
        (!word.is_empty()).then_some(Self(number))
    }
}

/// A moment as seconds since another, which may be later.
pub(crate) fn seconds(epoch: Instant, at: Instant) -> f64 {
    match at.checked_duration_since(epoch) {
        Some(since) => since.as_secs_f64(),
        None => -epoch.duration_since(at).as_secs_f64(),
    }
}
