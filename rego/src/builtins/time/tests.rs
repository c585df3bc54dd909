use super::*;

fn parsed(layout: &str, text: &str) -> Option<Value> {
    parse_ns(&[Value::from(layout), Value::from(text)]).ok()
}

#[test]
fn parses_strictly() {
    let day = Some(Value::from(1_672_531_200_000_000_000_i64));
    assert_eq!(parsed("2006-01-02", "2023-01-01"), day);
    assert_eq!(parsed("RFC3339", "2023-01-01T00:00:00Z"), day);
    let half = Some(Value::from(1_672_524_000_500_000_000_i64));
    assert_eq!(
        parsed("2006-01-02T15:04:05Z07:00", "2023-01-01T00:00:00.5+02:00"),
        half
    );
    let february = Some(Value::from(1_706_918_400_000_000_000_i64));
    assert_eq!(parsed("Jan 2, 2006", "Feb 3, 2024"), february);
    assert_eq!(parsed("2006 002", "2024 034"), february);
    for wrong in [
        "2023-1-01",
        "2023-01-01 ",
        "2023-02-30",
        "2023-01-01T00:00:00Z",
    ] {
        assert_eq!(parsed("2006-01-02", wrong), None, "{wrong}");
    }
    for wrong in [
        "2023-01-01t00:00:00z",
        "2023-01-01 00:00:00Z",
        "2023-01-01T00:00:60Z",
        "2023-01-01T24:00:00Z",
        "2023-01-01T00:00:00",
    ] {
        assert_eq!(parsed("RFC3339", wrong), None, "{wrong}");
    }
}

#[test]
fn dates_out_of_range_are_undefined() {
    for (years, months, days) in [
        (i64::MAX, 0, 0),
        (0, i64::MAX, 0),
        (0, 0, i64::MAX),
        (0, 0, 10_000_000_000),
    ] {
        let operands = [1, years, months, days].map(Value::from);
        assert!(add_date(&operands).is_err());
    }
}

#[test]
fn adds_a_month_to_the_last_of_january() {
    let numbers = [1_706_659_200_000_000_000_i64, 0, 1, 0].map(Value::from);
    assert_eq!(add_date(&numbers), give(1_709_337_600_000_000_000_i64));
}

#[test]
fn formats_with_layout() {
    let time = Value::from(1_700_000_000_123_456_789_i64);
    let shown = format(std::slice::from_ref(&time));
    assert_eq!(shown, give("2023-11-14T22:13:20.123456789Z"));
    let layout = "Mon Jan _2 15:04:05.000 2006 PM Z07:00";
    let given = Value::array(vec![time.clone(), Value::from("UTC"), Value::from(layout)]);
    assert_eq!(format(&[given]), give("Tue Nov 14 22:13:20.123 2023 PM Z"));
    let given = Value::array(vec![
        time,
        Value::from("America/New_York"),
        Value::from("RFC1123Z"),
    ]);
    assert_eq!(format(&[given]), give("Tue, 14 Nov 2023 17:13:20 -0500"));
    assert_eq!(weekday(&[Value::from(0_i64)]), give("Thursday"));
}
