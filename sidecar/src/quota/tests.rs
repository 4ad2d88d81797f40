use super::*;

fn quotas(in_flight_max: u32, server_share: f64) -> Quotas {
    Quotas::new(Some(Quota { in_flight_max, server_share }))
}

fn account(quotas: &Quotas, name: &str, now: Instant) -> Arc<Account> {
    quotas.account(Some(&Device::new(name).unwrap()), now).unwrap()
}

fn used(account: &Arc<Account>, now: Instant, time: Duration) {
    account.with(now, |state| state.used += time);
}

#[test]
fn nothing_is_counted_without_a_quota_or_a_device() {
    let now = Instant::now();
    assert!(Quotas::new(None).account(Some(&Device::new("a").unwrap()), now).is_none());
    assert!(quotas(1, 0.2).account(None, now).is_none());
}

#[test]
fn places_come_back() {
    let (quotas, now) = (quotas(2, 0.2), Instant::now());
    let one = account(&quotas, "a", now);
    let first = one.enter(now).ok().unwrap();
    let second = account(&quotas, "a", now).enter(now).ok().unwrap();
    assert_eq!(one.enter(now).err(), Some(Duration::ZERO));
    assert!(account(&quotas, "b", now).enter(now).is_ok(), "another device has places of its own");
    drop(first);
    assert!(one.enter(now).is_ok());
    drop(second);
}

#[test]
fn time_over_the_share_is_waited_for() {
    let (quotas, now) = (quotas(2, 0.2), Instant::now());
    let account = account(&quotas, "a", now);
    used(&account, now, Duration::from_millis(200));
    let kept = account.enter(now);
    assert!(kept.is_ok(), "a second's share may be used at once");
    used(&account, now, Duration::from_millis(100));
    assert_eq!(account.enter(now).err(), Some(Duration::from_millis(500)));
    assert!(account.enter(now + Duration::from_millis(499)).is_err());
    assert!(account.enter(now + Duration::from_millis(501)).is_ok());
}

#[test]
fn accounts_of_devices_that_are_gone_are_dropped_once_they_owe_nothing() {
    let (quotas, now) = (quotas(1, 0.5), Instant::now());
    let kept = account(&quotas, "kept", now);
    let place = kept.enter(now).ok().unwrap();
    drop(kept);
    used(&account(&quotas, "owes", now), now, Duration::from_secs(10));
    (0..10 * ACCOUNTS_MIN).for_each(|number| drop(account(&quotas, &number.to_string(), now)));
    let accounts = quotas.accounts.lock().unwrap();
    assert!(accounts.of.len() <= 2 * ACCOUNTS_MIN, "{}", accounts.of.len());
    assert!(["kept", "owes"].iter().all(|name| accounts.of.contains_key(&Device::new(name).unwrap())));
    drop(accounts);
    drop(place);
}
