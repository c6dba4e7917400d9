//! Tests of jobs that share calls and have texts that break every call they are in.

use super::*;

/// Runs a round for the texts of several jobs; returns each job's results as letters of `shown`, and the number of
/// calls.
fn share(world: &Provided, calls: usize, jobs: &[&[&str]]) -> (Vec<String>, usize) {
    let (provider, calls_left) = (provider(), Cell::new(calls));
    let choice = Choice { provider: "p".into(), model: "m".into() };
    let leases_of = |texts: &&[&str]| {
        let lease = Rc::new(Cell::new(i64::MAX));
        vec![lease; texts.len()]
    };
    let leases: Vec<_> = jobs.iter().flat_map(leases_of).collect();
    let texts = jobs.concat();
    let mut results =
        ask(world, &asking(&provider, &choice, &calls_left), &texts, &leases).now_or_never().unwrap().results;
    assert!(results.iter().all(|(embedded, calls)| !calls.is_empty() || matches!(embedded, Embedded::Failed(_))));
    let of_each = jobs.iter().map(|texts| shown(&results.drain(..texts.len()).collect::<Vec<_>>())).collect();
    (of_each, calls - calls_left.get())
}

/// A text that breaks every call costs only its own job a failure, at any position, also with a second such job, in few
/// calls.
#[test]
fn a_text_that_breaks_its_call_harms_no_other_job() {
    let good: &[&str] = &["a", "b"];
    let poison: &[&str] = &["c", "poison"];
    for count in 2..=9 {
        for bad in 0..count {
            let jobs: Vec<_> = (0..count).map(|job| if job == bad { poison } else { good }).collect();
            let (results, calls) = share(&Provided::default(), 100, &jobs);
            for (job, results) in results.iter().enumerate() {
                assert_eq!(results, if job == bad { "ff" } else { "vv" }, "{bad} of {count}");
            }
            assert!(calls <= 3 + 2 * 4, "{calls} calls for {count} jobs");
            // With fewer calls some jobs wait, and no other job fails.
            for few in 1..calls {
                let (results, _) = share(&Provided::default(), few, &jobs);
                let fails = |(job, results): (usize, &String)| results.contains('f') && job != bad;
                assert!(!results.iter().enumerate().any(fails), "{few} calls, {bad} of {count}: {results:?}");
            }
        }
    }
}

#[test]
fn two_jobs_that_break_a_call_harm_no_other() {
    let (good, poison): (&[&str], &[&str]) = (&["a"], &["poison"]);
    for (one, two) in [(0, 7), (0, 1), (3, 4), (2, 7), (1, 6)] {
        let jobs: Vec<_> = (0..8).map(|job| if job == one || job == two { poison } else { good }).collect();
        let (results, _) = share(&Provided::default(), 100, &jobs);
        let expected: Vec<_> = (0..8).map(|job| if job == one || job == two { "f" } else { "v" }).collect();
        assert_eq!(results, expected, "{one} and {two}");
    }
}

#[test]
fn a_provider_that_fails_costs_each_job_one_failure_and_few_calls() {
    for count in [1, 2, 3, 20] {
        let world = Provided::default();
        *world.answers.borrow_mut() = vec![Err(HttpError::Connect("reset".into())); 100];
        let (results, calls) = share(&world, 100, &vec![&["a", "b"][..]; count]);
        assert_eq!(results, vec!["ff"; count]);
        assert_eq!(calls, [0, 1, 3, 4].get(count).copied().unwrap_or(6), "{count} jobs");
    }
}

/// A job that used up all calls alone fails, because it would use them up again. With several jobs the responsible one
/// is unknown.
#[test]
fn a_job_alone_is_told_that_it_used_up_the_calls() {
    let last = |jobs: &[&str]| {
        let (provider, calls_left) = (provider(), Cell::new(1));
        let choice = Choice { provider: "p".into(), model: "m".into() };
        let leases: Vec<_> = jobs.iter().map(|_| Rc::new(Cell::new(i64::MAX))).collect();
        let leases = if jobs[0] == "one" { vec![leases[0].clone(); jobs.len()] } else { leases };
        let results =
            ask(&Provided::default(), &asking(&provider, &choice, &calls_left), &["bad", "a"], &leases).now_or_never();
        match results.unwrap().results.pop().unwrap().0 {
            Embedded::Failed(Outcome::Failed { message, retry_after, .. }) => {
                assert_eq!(retry_after, Some(wait_a_while()));
                message
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(last(&["one", "one"]), NO_CALLS);
    assert!(last(&["two", "jobs"]).starts_with("Not requested: a call shared"));
}

/// A round of three jobs: the third fails too after the first two failed alone; it is then requested by itself. With
/// more jobs, four of four are enough.
#[test]
fn the_last_of_three_jobs_fails_by_itself() {
    for (jobs, expected) in [
        (&[&["poison"][..], &["poison", "a"], &["poison"]][..], vec!["f", "ff", "f"]),
        (&[&["poison"][..], &["a"], &["poison"]], vec!["f", "v", "f"]),
        (&[&["poison"][..], &["poison"]], vec!["f", "f"]),
    ] {
        assert_eq!(share(&Provided::default(), 100, jobs).0, expected, "{jobs:?}");
    }
}

/// A provider that asks for time or rejects the deployment is at fault, not a text: no job is requested alone.
#[test]
fn failures_of_the_provider_start_no_search_for_a_text() {
    let wait: &[(&str, &str)] = &[("retry-after", "5")];
    for (status, headers, expected) in [(429, wait, "w"), (429, &[][..], "w"), (503, wait, "w"), (401, &[][..], "f")] {
        let world = Provided::default();
        world.answers.borrow_mut().push(Ok(response(status, headers, &json!({}))));
        assert_eq!(share(&world, 100, &[&["a"], &["b"], &["c"]]), (vec![expected.to_owned(); 3], 1), "{status}");
    }
    // A request for time while the round searches for a failing text: texts without a result wait.
    let world = Provided::default();
    *world.answers.borrow_mut() = vec![Ok(response(429, wait, &json!({}))), Ok(response(500, &[], &json!({})))];
    assert_eq!(share(&world, 100, &[&["a"], &["b"], &["c"]]), (vec!["w".to_owned(); 3], 2));
}

#[test]
fn a_missing_vector_fails_only_its_own_job() {
    let vector = |index: usize| json!({"index": index, "embedding": [1, 2]});
    for odd in [
        json!({"index": 1, "embedding": null}),
        json!({"index": 1}),
        json!({"index": 1, "embedding": "no"}),
        json!({"index": 1, "embedding": [1]}),
        json!({"index": 1, "embedding": [1, null]}),
        json!({"index": 1, "embedding": [1, 1e300]}),
        json!(null),
    ] {
        let world = Provided::default();
        let data = json!({"data": [vector(0), odd, vector(2)]});
        world.answers.borrow_mut().push(Ok(response(200, &[], &data)));
        let expected = ["v", "m", "v"].map(str::to_owned).to_vec();
        assert_eq!(share(&world, 100, &[&["a"], &["b"], &["c"]]), (expected, 1), "{odd}");
    }
    let world = Provided::default();
    world.answers.borrow_mut().push(Ok(response(200, &[], &json!({"data": [vector(2), vector(0)]}))));
    assert_eq!(share(&world, 9, &[&["a"], &["b"], &["c"]]).0, ["v", "m", "v"]);
    // If the texts of the vectors are unknown, no vector is used and each text is requested alone.
    for data in [
        json!([vector(0), vector(1)]),
        json!([{"embedding": [1, 2]}, {"embedding": [3, 4]}]),
        json!([vector(0), vector(0), vector(2)]),
        json!([vector(1), vector(2), vector(3)]),
        json!([vector(0), vector(1), vector(2), vector(3)]),
        json!(null),
        json!([]),
    ] {
        let world = Provided::default();
        world.answers.borrow_mut().push(Ok(response(200, &[], &json!({"data": data}))));
        assert_eq!(share(&world, 9, &[&["a"], &["b"], &["c"]]), (vec!["v".to_owned(); 3], 4), "{data}");
    }
}

/// A job whose texts are all refused fails; the other jobs of its call wait or have their vectors.
#[test]
fn refused_texts_of_one_job_cost_no_other_a_failure() {
    let (results, _) = share(&Provided::default(), 100, &[&["bad"; 8], &["a"], &["b"]]);
    assert!(results[0].contains('f') && results[1..].iter().all(|results| results != "f"), "{results:?}");
}

#[test]
fn dimensions_are_sent_if_the_model_requires_them() {
    let provider = provider();
    for send_dimensions in [false, true] {
        let model = Model { send_dimensions, ..MODEL };
        let request = crate::embed::protocol::request(&provider, "m", model, &["a"], "1");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body.get("dimensions"), send_dimensions.then(|| json!(2)).as_ref());
    }
}

#[test]
fn texts_that_were_not_requested_cost_no_failure() {
    let (pool, world) = (Pool::new(100, 0), Provided::default());
    world.answers.borrow_mut().push(Ok(response(500, &[], &json!({}))));
    let first = vec!["a"; EMBED_TEXTS_PER_CALL];
    let results = block_on(join_all([embed_in(&pool, &world, "m", &first), embed_in(&pool, &world, "m", &["b"])]));
    assert_eq!((wait_of(&results[0][0]), wait_of(&results[1][0])), (None, Some(wait_a_while())));
}
