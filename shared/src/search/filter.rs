//! Filters: conditions on the metadata of the documents that a search covers.
//!
//! Example: `{"lang": "en", "year": {"gte": 2020, "lt": 2026}, "kind": {"in": ["guide", "reference"]}}`. All conditions
//! must hold. A key is a whole key of the metadata; a dot in it is a plain character.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::wire::invalid::{InvalidField, unknown};
use crate::wire::phrase::escape;

/// Maximum number of conditions in a filter.
pub const CONDITIONS_MAX: usize = 16;
/// Operators in a condition.
const OPERATORS: [&str; 5] = ["in", "gt", "gte", "lt", "lte"];
/// Maximum number of values in an `in`.
pub const IN_VALUES_MAX: usize = 100;

/// A filter on the metadata of documents. A filter without conditions matches every document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    conditions: Vec<(String, Condition)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    In(Vec<Value>),
    Compare(Operator, Number),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Filter {
    /// Parses a filter at `base`, a JSON Pointer in a URI fragment. Reports all errors at once.
    ///
    /// # Errors
    /// All invalid fields with their errors.
    pub fn parse(filter: &Value, base: &str) -> Result<Filter, Vec<InvalidField>> {
        let Value::Object(fields) = filter else {
            return Err(vec![InvalidField::of(base, "invalid-type", "must be an object")]);
        };
        let mut errors = Vec::new();
        let mut conditions = Vec::new();
        for (key, condition) in fields {
            let pointer = format!("{base}/{}", escape(key));
            match parse_conditions(condition, &pointer) {
                Ok(parsed) => conditions.extend(parsed.into_iter().map(|condition| (key.clone(), condition))),
                Err(wrong) => errors.extend(wrong),
            }
        }
        if conditions.len() > CONDITIONS_MAX {
            let detail = format!("must have at most {CONDITIONS_MAX} conditions, got {}", conditions.len());
            errors.push(InvalidField::of(base, "too-many", detail));
        }
        if errors.is_empty() { Ok(Filter { conditions }) } else { Err(errors) }
    }

    /// Checks if the metadata meets all conditions. A missing key meets no condition.
    pub fn matches(&self, metadata: &Value) -> bool {
        self.conditions.iter().all(|(key, condition)| {
            metadata.get(key).is_some_and(|value| match condition {
                Condition::In(values) => values.iter().any(|wanted| equal(wanted, value)),
                Condition::Compare(operator, bound) => {
                    value.as_number().and_then(|value| compare(value, bound)).is_some_and(|order| operator.holds(order))
                }
            })
        })
    }
}

impl Operator {
    fn parse(name: &str) -> Option<Operator> {
        match name {
            "gt" => Some(Operator::Gt),
            "gte" => Some(Operator::Gte),
            "lt" => Some(Operator::Lt),
            "lte" => Some(Operator::Lte),
            _ => None,
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Operator::Gt => order.is_gt(),
            Operator::Gte => order.is_ge(),
            Operator::Lt => order.is_lt(),
            Operator::Lte => order.is_le(),
        }
    }
}

/// Parses the conditions on one key: a value, or an object of operators.
fn parse_conditions(condition: &Value, pointer: &str) -> Result<Vec<Condition>, Vec<InvalidField>> {
    let wrong = |pointer: &str, code, detail: &str| vec![InvalidField::of(pointer, code, detail)];
    let Value::Object(operators) = condition else {
        let detail = "must be a value or an object, such as {\"in\": [1, 2]} or {\"gt\": 1}, got a list";
        return if condition.is_array() {
            Err(wrong(pointer, "invalid-type", detail))
        } else {
            Ok(vec![Condition::In(vec![condition.clone()])])
        };
    };
    if operators.is_empty() {
        return Err(wrong(pointer, "missing-field", "must have one of `in`, `gt`, `gte`, `lt`, `lte`"));
    }
    let mut conditions = Vec::new();
    let mut errors = Vec::new();
    for (name, operand) in operators {
        let pointer = format!("{pointer}/{}", escape(name));
        match (name.as_str(), Operator::parse(name), operand) {
            ("in", _, Value::Array(values)) if values.len() > IN_VALUES_MAX => {
                errors.extend(wrong(
                    &pointer,
                    "too-many",
                    &format!("must have at most {IN_VALUES_MAX} values, got {}", values.len()),
                ));
            }
            ("in", _, Value::Array(values)) if values.iter().all(is_scalar) => {
                conditions.push(Condition::In(values.clone()));
            }
            ("in", ..) => {
                errors.extend(wrong(&pointer, "invalid-type", "must be a list of texts, numbers, booleans or nulls"));
            }
            (_, Some(operator), Value::Number(bound)) => conditions.push(Condition::Compare(operator, bound.clone())),
            (_, Some(_), _) => errors.extend(wrong(&pointer, "invalid-type", "must be a number")),
            (_, None, _) => {
                errors.push(InvalidField::new(&pointer, "unknown-field", unknown("operator", name, OPERATORS)));
            }
        }
    }
    if errors.is_empty() { Ok(conditions) } else { Err(errors) }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other).is_some_and(Ordering::is_eq),
        _ => one == other,
    }
}

/// Compares whole numbers exactly, other numbers as JavaScript does.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn matches(filter: &Value, metadata: &Value) -> bool {
        Filter::parse(filter, "#/filter").unwrap().matches(metadata)
    }

    fn errors(filter: &Value) -> Vec<(String, &'static str)> {
        let errors = Filter::parse(filter, "#/filter").unwrap_err();
        errors.into_iter().map(|field| (field.pointer, field.code)).collect()
    }

    #[test]
    fn every_condition_must_hold() {
        let metadata = json!({"lang": "en", "year": 2024, "a.b": 1.5, "draft": false, "none": null, "tags": ["x"]});
        for (filter, expected) in [
            (json!({}), true),
            (json!({"lang": "en"}), true),
            (json!({"lang": "EN"}), false),
            (json!({"lang": "en", "year": 2023}), false),
            (json!({"year": 2024.0, "a.b": {"gt": 1}}), true),
            (json!({"a": 1.5}), false),
            (json!({"year": {"gte": 2024, "lte": 2024}}), true),
            (json!({"year": {"gt": 2023, "lt": 2024}}), false),
            (json!({"year": {"in": ["2024", 2024]}}), true),
            (json!({"year": {"in": []}}), false),
            (json!({"year": "2024"}), false),
            (json!({"lang": {"gt": 0}}), false),
            (json!({"draft": false, "none": null}), true),
            (json!({"absent": null}), false),
            (json!({"tags": "x"}), false),
        ] {
            assert_eq!(matches(&filter, &metadata), expected, "{filter}");
        }
        for metadata in [json!(null), json!([1]), json!("lang")] {
            assert!(!matches(&json!({"lang": "en"}), &metadata) && matches(&json!({}), &metadata));
        }
    }

    #[test]
    fn wrong_filters_name_their_fields() {
        assert_eq!(errors(&json!([1])), [("#/filter".into(), "invalid-type")]);
        assert_eq!(errors(&json!({"a/b": []})), [("#/filter/a~1b".into(), "invalid-type")]);
        assert_eq!(errors(&json!({"a": {}})), [("#/filter/a".into(), "missing-field")]);
        let both = json!({"a": {"gt": "1", "near": 2}, "b": {"in": [[]]}});
        let expected = [("a/gt", "invalid-type"), ("a/near", "unknown-field"), ("b/in", "invalid-type")];
        assert_eq!(errors(&both), expected.map(|(field, code)| (format!("#/filter/{field}"), code)));
        assert_eq!(errors(&json!({"a": {"in": vec![1; 101]}})), [("#/filter/a/in".into(), "too-many")]);
    }

    #[test]
    fn sixteen_conditions_are_enough() {
        let filter = |count: usize| Value::Object((0..count).map(|n| (format!("k{n}"), json!({"gt": 1}))).collect());
        assert!(Filter::parse(&filter(16), "#").is_ok());
        assert_eq!(errors(&filter(17)), [("#/filter".into(), "too-many")]);
        assert_eq!(errors(&json!({"a": {"gt": 1, "gte": 1, "lt": 1, "lte": 1, "in": []}, "b": filter(12)})).len(), 12);
    }

    #[test]
    fn whole_numbers_are_compared_exactly() {
        let most = u64::MAX;
        assert!(
            !matches(&json!({"n": most}), &json!({"n": most - 1})) && matches(&json!({"n": most}), &json!({"n": most}))
        );
        assert!(matches(&json!({"n": {"lt": i64::MIN + 1}}), &json!({"n": i64::MIN})));
        assert!(
            matches(&json!({"n": {"gt": -1}}), &json!({"n": most})) && matches(&json!({"n": -0.0}), &json!({"n": 0}))
        );
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3_i64..3).prop_map(Value::from),
            (-3_f64..3.0).prop_map(Value::from),
            "[ab]{0,1}".prop_map(Value::from)
        ]
    }

    proptest! {
        #[test]
        fn a_filter_with_all_fields_matches(fields in proptest::collection::btree_map("\\PC{0,3}", scalar(), 0..16)) {
            let metadata = json!(fields);
            prop_assert!(matches(&metadata, &metadata));
            let lists: Value = fields.iter().map(|(key, value)| (key.clone(), json!({"in": [1e9, value]}))).collect();
            prop_assert!(matches(&lists, &metadata));
        }

        #[test]
        fn bounds_compare_numbers(value in scalar(), bound in -3_i64..3) {
            let holds = |operator: &str| matches(&json!({"n": {operator: bound}}), &json!({"n": value}));
            let number = value.as_f64();
            let bound = i32::try_from(bound).map(f64::from).unwrap();
            prop_assert_eq!(holds("gt"), number.is_some_and(|number| number > bound));
            prop_assert_eq!(holds("gte"), number.is_some_and(|number| number >= bound));
            prop_assert_eq!(holds("lt"), number.is_some_and(|number| number < bound));
            prop_assert_eq!(holds("lte"), number.is_some_and(|number| number <= bound));
        }

        #[test]
        fn any_filter_gets_an_answer(text in r#"\{("[a-c]":(\{"(in|gt|lt|x)":(1|\[[12,]{0,3}\]|"a")\}|1|"x"|null|\[\]),?){0,4}\}"#) {
            if let Ok(filter) = serde_json::from_str(&text) {
                let _ = Filter::parse(&filter, "#").map(|filter| filter.matches(&json!({"a": 1, "b": "x"})));
            }
        }
    }
}
