//! A round through the AI binding.

use super::*;

#[test]
fn workers_ai_is_called_through_its_binding_and_its_codes_are_reported() {
    let error =
        |status, code: u64| Ok(response(status, &[], &json!({"internalCode": code, "description": "so it is"})));
    let good = Ok(response(200, &[], &json!({"shape": [1, 2], "data": [[1, 2]], "pooling": "mean"})));
    let cf = Provider { interface: Interface::WorkersAi, url: String::new(), ..provider() };
    let failed = |message: &str, wait| Embedded::Failed(failed(message.to_owned(), wait));
    for (answer, expected) in [
        (good, Embedded::Vector(vec![1.0, 2.0])),
        (error(400, 3010), Embedded::Refused("so it is".into())),
        (error(400, 3010).map(interrupted), failed("The provider answered 400, code 3010.", None)),
        (error(400, 5007), failed("The provider refuses the request: so it is (5007)", None)),
        (error(403, 3023), failed("The provider answered 403, code 3023.", None)),
        (error(429, 3036), failed("The provider answered 429, code 3036.", Some(wait_a_while()))),
        (error(429, 3040), failed("The provider answered 429, code 3040.", Some(wait_a_while()))),
        (error(408, 3007), failed("The provider answered 408, code 3007.", None)),
        (Err(HttpError::NoService("AI".into())), failed("The deployment has no AI binding.", None)),
    ] {
        let (world, calls_left) = (Provided::default(), Cell::new(10));
        let choice = Choice { provider: "cf".into(), model: "@cf/m".into() };
        world.answers.borrow_mut().push(answer);
        let asked = asking(&cf, &choice, &calls_left);
        let lease = Rc::new(Cell::new(i64::MAX));
        let results = ask(&world, &asked, &["one"], &[lease]).now_or_never().unwrap().results;
        assert_eq!(results[0].0, expected);
        assert!(format!("{:?}", results[0].1[0].wire).contains("https://workers-binding.ai/run/@cf/m"), "{results:?}");
    }
}
