use longshore_sim::agenda::{Agenda, Lane};

#[test]
fn events_come_by_time_and_those_of_one_time_in_the_order_in_which_they_were_planned() {
    let mut agenda = Agenda::default();
    agenda.plan(2.0, "third");
    agenda.plan_in(Lane::Packets, 3.0, "fifth");
    agenda.plan_in(Lane::Packets, 2.0, "fourth");
    agenda.plan_in(Lane::Deadlines, 1.0, "first");
    agenda.plan(1.0, "second");
    agenda.plan(f64::INFINITY, "never");
    let order: Vec<_> = std::iter::from_fn(|| agenda.pop()).map(|(_, event)| event).collect();
    assert_eq!(order, ["first", "second", "third", "fourth", "fifth"]);
}
