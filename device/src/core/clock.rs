//! What the passing of time means for a request: another endpoint is asked beside one that is late, a silent one is left, the
//! model on the device starts just in time for one that stays silent, and at the deadline there is an answer.

use super::event::Effect;
use super::outcome::{Ending, Place, Reason};
use super::request::{LocalRun, Request, Step};
use super::sent::{OUT_MAX, Sent};

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
        for place in 0..OUT_MAX {
            self.look_at_one(step, place);
        }
        if self.hedge_at_us(step).is_some_and(|at_us| at_us <= step.now_us) {
            step.model.budget.hedged();
            self.run_local(step, Reason::EdgeSilent);
        }
    }

    /// One that is late is doubted: another is asked beside it. One that is silent is left, if there is another.
    fn look_at_one(&mut self, step: &mut Step, place: usize) {
        let now_us = step.now_us;
        let is_alone = self.out.iter().flatten().count() == 1;
        let Some(sent) = &mut self.out[place] else { return };
        let was_due = |at_us: &mut Option<u64>| at_us.take_if(|at_us| *at_us <= now_us).is_some();
        let (is_late, is_silent) = (was_due(&mut sent.doubt_us), was_due(&mut sent.patience_us));
        let sent = *sent;
        if is_silent && !is_alone {
            self.leave_silent(step, sent);
        } else if is_silent {
            if let Some(route) = self.next_route(step, self.tried.once)
                && step.model.budget.retry()
            {
                self.leave_silent(step, sent);
                self.send(step, route);
            }
        } else if is_late
            && is_alone
            // Else the answer is on its way from here.
            && !matches!(self.local, LocalRun::Running { .. })
            && step.model.credits.has_one(now_us)
            && let Some(route) = self.second_route(step)
            && step.model.budget.second()
        {
            self.out[place] = Some(Sent { is_doubted: true, ..sent });
            self.send(step, route);
        }
    }

    fn leave_silent(&mut self, step: &mut Step, sent: Sent) {
        step.model.look.lost(step.now_us);
        self.give_up(step, sent, true);
    }

    /// Answers at the deadline with what there is.
    fn close(&mut self, step: &mut Step) {
        match (self.local, self.is_out()) {
            (LocalRun::Done, _) => self.end(step, Ending::Answered, Some(Place::Device), self.local_reason),
            (_, true) => self.end(step, Ending::Late, None, Reason::EdgeSilent),
            (_, false) => self.end(step, Ending::Late, None, Reason::LocalTooSlow),
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
        if self.local != LocalRun::Idle || !self.is_out() || in_vain {
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
        let looks = self.out.iter().flatten().flat_map(|sent| [sent.doubt_us, sent.patience_us]);
        let at_us = looks.flatten().fold(due_us.min(hedge_us), u64::min);
        step.effects.push(Effect::SetTimer { at_us });
    }
}
