//! Who shares with whom: classes of devices. In: which devices asked lately, of which class, and what each can use. Out: what
//! a device may send.
//!
//! Classes share first, then the devices of each: a thousand cameras leave a pair of glasses its part. A class gets no more
//! than it can use as long as others lack some (max-min fairness), and what all leave is shared equally.

use std::time::Duration;

/// Classes that are told apart at most; all others are one.
const CLASSES_MAX: usize = 16;

/// No name of a class is longer, in bytes; who has a longer one is among the others.
const NAME_BYTES_MAX: usize = 64;

/// The classes of those who asked lately. The first is of all that name none, or one too many.
#[derive(Debug)]
pub(super) struct Classes(Vec<Class>);

#[derive(Debug, Default)]
struct Class {
    name: String,
    devices: u32,
    /// Requests that its devices can use in a thousand seconds: whole numbers leave nothing behind when devices go.
    wish: u64,
}

/// A device in its class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    class: usize,
    wish: u64,
}

impl Default for Classes {
    fn default() -> Self {
        Self(vec![Class::default()])
    }
}

impl Classes {
    /// A device comes that can use one request after another, each of which takes so long.
    pub(super) fn join(&mut self, name: &str, each: Duration) -> Member {
        let (class, wish) = (self.place(name), 1_000_000 / (each.as_millis() as u64).max(1));
        self.0[class].devices += 1;
        self.0[class].wish += wish;
        Member { class, wish }
    }

    /// A device goes, or comes again as another.
    pub(super) fn leave(&mut self, member: Member) {
        let class = &mut self.0[member.class];
        (class.devices, class.wish) = (class.devices - 1, class.wish - member.wish);
    }

    /// How many of so many requests in a second are a device's.
    pub(super) fn share(&self, member: Member, capacity: f32) -> f32 {
        let present = || self.0.iter().filter(|class| class.devices > 0);
        let level = level(present().map(Class::per_second).collect(), capacity);
        let left = capacity - present().map(|class| class.per_second().min(level)).sum::<f32>();
        let class = &self.0[member.class];
        let part = class.per_second().min(level) + left.max(0.0) / present().count() as f32;
        part / class.devices as f32
    }

    /// The class of this name: a known one, or one that nobody is of any more, or a new one.
    fn place(&mut self, name: &str) -> usize {
        let others = 0;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return others;
        }
        let find = |is_it: &dyn Fn(&Class) -> bool| (1..self.0.len()).find(|at| is_it(&self.0[*at]));
        if let Some(known) = find(&|class| class.name == name) {
            return known;
        }
        let class = Class { name: name.into(), ..Class::default() };
        if let Some(free) = find(&|class| class.devices == 0) {
            self.0[free] = class;
            return free;
        }
        if self.0.len() > CLASSES_MAX {
            return others;
        }
        self.0.push(class);
        self.0.len() - 1
    }
}

impl Class {
    fn per_second(&self) -> f32 {
        self.wish as f32 / 1e3
    }
}

/// The most that anyone gets who could use more, where those who can use less get what they can use.
fn level(mut wishes: Vec<f32>, capacity: f32) -> f32 {
    wishes.sort_by(f32::total_cmp);
    let (mut left, mut sharing) = (capacity, wishes.len() as f32);
    for wish in wishes {
        if wish > left / sharing {
            return left / sharing;
        }
        (left, sharing) = (left - wish, sharing - 1.0);
    }
    f32::INFINITY
}
