//! What the passing of time means for a request: a silent endpoint is left, the model on the device starts just in time
//! for one that stays silent, and at the deadline there is an answer.

use super::event::Effect;
use super::outcome::{Ending, Place, Reason};
use super::request::{LocalRun, Request, Sent, Step};

/// Kept free between the end of a late local run and the deadline: this much, in microseconds, ...
const SLACK_LEAST_US: u64 = 4_000;

/// ... and this share of the whole time. Handing a result over takes time too, more so on a busy or throttled processor,
/// and starting a little earlier costs only the runs that the edge would have answered in that little.
const SLACK_SHARE: u64 = 16;

/// The slack of a request with this much time in all, in microseconds.
pub(super) const fn slack_us(time_us: u64) -> u64 {
    SLACK_LEAST_US + time_us / SLACK_SHARE
}

impl Request {
    pub(super) fn look_at_the_clock(&mut self, step: &mut Step) {
        if self.is_due(step.now_us) {
            return self.close(step);
        }
        if let Some(sent) = self.remote
            && sent.patience_us.is_some_and(|at_us| at_us <= step.now_us)
        {
            self.remote = Some(Sent { patience_us: None, ..sent });
            if let Some(route) = self.next_route(step, self.tried.once)
                && step.model.budget.retry()
            {
                self.give_up(step, sent, true);
                self.send(step, route);
            }
        }
        if self.hedge_at_us(step).is_some_and(|at_us| at_us <= step.now_us) {
            step.model.budget.hedged();
            self.run_local(step, Reason::EdgeSilent);
        }
    }

    /// Answers at the deadline with what there is.
    fn close(&mut self, step: &mut Step) {
        match (self.local, self.remote) {
            (LocalRun::Done, _) => self.end(step, Ending::Answered, Some(Place::Device), self.local_reason),
            (_, Some(_)) => self.end(step, Ending::Late, None, Reason::EdgeSilent),
            (_, None) => self.end(step, Ending::Late, None, Reason::LocalTooSlow),
        }
    }

    /// An answer in reserve is handed over a little before the deadline, so that it is in time.
    pub(super) fn is_due(&self, now_us: u64) -> bool {
        let slack_us = if self.local == LocalRun::Done { self.slack_us } else { 0 };
        self.start.deadline_us <= now_us + slack_us
    }

    /// When the model on the device must start to answer in time for a silent edge; `None` when it would be in vain.
    fn hedge_at_us(&self, step: &Step) -> Option<u64> {
        let forecast = step.model.here(step.now_us).ok()?;
        let in_vain = self.start.deadline_us < step.now_us + forecast.mean_us as u64;
        if self.local != LocalRun::Idle || self.remote.is_none() || in_vain {
            return None;
        }
        let needed_us = forecast.p95_us() as u64 + self.slack_us;
        Some(self.start.deadline_us.saturating_sub(needed_us))
    }

    pub(super) fn set_timer(&self, step: &mut Step) {
        if self.is_over {
            return;
        }
        let slack_us = if self.local == LocalRun::Done { self.slack_us } else { 0 };
        let due_us = self.start.deadline_us.saturating_sub(slack_us);
        let hedge_us = self.hedge_at_us(step).unwrap_or(due_us);
        let patience_us = self.remote.and_then(|sent| sent.patience_us).unwrap_or(due_us);
        step.effects.push(Effect::SetTimer { at_us: due_us.min(hedge_us).min(patience_us) });
    }
}
