use super::human_duration;

#[test]
fn durations_are_rounded_as_people_like_them() {
    let check = |seconds: i64, want: &str| assert_eq!(human_duration(seconds * 1_000_000), want, "{seconds}");
    let (minute, hour, day, year) = (60, 3600, 86_400, 365 * 86_400);
    check(-2, "<invalid>");
    check(-1, "0s");
    check(0, "0s");
    check(119, "119s");
    check(2 * minute, "2m");
    check(9 * minute + 59, "9m59s");
    check(10 * minute + 59, "10m");
    check(3 * hour - 1, "179m");
    check(3 * hour, "3h");
    check(7 * hour + 59 * minute, "7h59m");
    check(8 * hour + 59 * minute, "8h");
    check(2 * day - 1, "47h");
    check(2 * day, "2d");
    check(7 * day + 23 * hour, "7d23h");
    check(8 * day + hour, "8d");
    check(2 * year - 1, "729d");
    check(2 * year, "2y");
    check(3 * year + 5 * day, "3y5d");
    check(8 * year + 5 * day, "8y");
    assert_eq!(human_duration(-1_999_999), "0s");
}
