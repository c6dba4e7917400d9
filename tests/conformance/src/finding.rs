//! Cases of keyword search: which words find which documents, in any script and form, and what is highlighted.

use serde_json::json;

use super::indexing::Indexed;
use super::stand::{Stand, Store};

/// Returns a case with these documents; their ids are their positions.
async fn indexed<'a, S: Store>(stand: &'a Stand<S>, texts: &[&str]) -> Indexed<'a, S> {
    let case = Indexed::new(stand).await;
    for (at, text) in texts.iter().enumerate() {
        case.put(&at.to_string(), text).await;
    }
    case
}

/// Returns the documents that a word finds, in order, and the HTML of the first.
async fn found<S: Store>(case: &Indexed<'_, S>, query: &str) -> (Vec<usize>, String) {
    let answer = case.search(json!({"query": query, "mode": "keyword", "limit": 100})).await.unwrap();
    let hits = answer["hits"].as_array().unwrap().clone();
    let mut documents: Vec<usize> = hits.iter().map(|hit| hit["document"].as_str().unwrap().parse().unwrap()).collect();
    documents.sort_unstable();
    (documents, hits.first().map_or(String::new(), |hit| hit["highlight"].as_str().unwrap().to_owned()))
}

async fn assert_whole<S: Store>(case: &Indexed<'_, S>) {
    let whole = case.run(&case.accept(json!({"verify": {}})).await).await;
    assert_eq!(whole["differences"], json!({}));
}

/// Words are found without spaces around them: in scripts without spaces, and where two scripts meet.
pub async fn words_are_found_in_scripts_without_spaces<S: Store>(stand: &Stand<S>) {
    let texts = [
        "租约在心跳停止时结束",
        "リースはハートビートが止まると終わる。",
        "สัญญาเช่าสิ้นสุดเมื่อหัวใจหยุดเต้น",
        "Rust言語で書かれたQueueです",
        "하트비트가 멈추면 임대가 끝난다",
        "ສັນຍາເຊົ່າສິ້ນສຸດ",
        "កិច្ចសន្យាជួលបញ្ចប់",
        "အငှားစာချုပ်ပြီးဆုံး",
        "𠮷野家で👍🏽 と言う",
        "A lease ends when its heartbeat stops.",
    ];
    let case = indexed(stand, &texts).await;
    for (query, documents, html) in [
        ("心跳", &[0][..], "租约在<mark>心跳</mark>停止时结束"),
        ("心", &[0], "租约在<mark>心</mark>跳停止时结束"),
        ("束", &[0], "租约在心跳停止时结<mark>束</mark>"),
        ("心跳停止", &[0], "租约在<mark>心跳停止</mark>时结束"),
        ("租约心跳", &[0], "<mark>租约</mark>在<mark>心跳</mark>停止时结束"),
        ("租约 停止", &[0], "<mark>租约</mark>在心跳<mark>停止</mark>时结束"),
        ("跳心", &[], ""),
        ("ハートビート", &[1], "リースは<mark>ハートビート</mark>が止まると終わる。"),
        ("ﾊｰﾄﾋﾞｰﾄ", &[1], "リースは<mark>ハートビート</mark>が止まると終わる。"),
        ("หัวใจ", &[2], "สัญญาเช่าสิ้นสุดเมื่อ<mark>หัวใจ</mark>หยุดเต้น"),
        ("rust", &[3], "<mark>Rust</mark>言語で書かれたQueueです"),
        ("queues", &[3], "Rust言語で書かれた<mark>Queue</mark>です"),
        ("Rust言語", &[3], "<mark>Rust言語</mark>で書かれたQueueです"),
        ("하트비트", &[4], "<mark>하트비트</mark>가 멈추면 임대가 끝난다"),
        ("ສິ້ນສຸດ", &[5], "ສັນຍາເຊົ່າ<mark>ສິ້ນສຸດ</mark>"),
        ("បញ្ចប់", &[6], "កិច្ចសន្យាជួល<mark>បញ្ចប់</mark>"),
        ("ပြီးဆုံး", &[7], "အငှားစာချုပ်<mark>ပြီးဆုံး</mark>"),
        ("𠮷野", &[8], "<mark>𠮷野</mark>家で👍🏽 と言う"),
        ("👍", &[8], "𠮷野家で<mark>👍🏽</mark> と言う"),
        ("heartbeat 心跳", &[0, 9], ""),
    ] {
        let (ids, first) = found(&case, query).await;
        assert_eq!(ids, documents, "{query}");
        assert!(html.is_empty() || first == html, "{query}: {first}");
    }
    let hybrid = case.search(json!({"query": "心跳"})).await.unwrap();
    assert_eq!((&hybrid["hits"][0]["document"], &hybrid["hits"][0]["keyword_score"]), (&json!("0"), &json!(1.0)));
    assert_whole(&case).await;
}

/// A word is found in capitals, in full width, composed or decomposed, and with or without accents on Latin letters.
pub async fn words_are_found_in_any_form<S: Store>(stand: &Stand<S>) {
    let texts =
        ["Die Straße.", "ＡＢＣ company", "Un cafe\u{301} fin", "The ﬁnal word", "hy\u{AD}phen", "Σίσυφος", "ısı"];
    let case = indexed(stand, &texts).await;
    for (query, document, html) in [
        ("strasse", 0, "Die <mark>Straße</mark>."),
        ("STRASSE", 0, "Die <mark>Straße</mark>."),
        ("straße", 0, "Die <mark>Straße</mark>."),
        ("abc", 1, "<mark>ＡＢＣ</mark> company"),
        ("ｃｏｍｐａｎｙ", 1, "ＡＢＣ <mark>company</mark>"),
        ("café", 2, "Un <mark>cafe\u{301}</mark> fin"),
        ("CAFE", 2, "Un <mark>cafe\u{301}</mark> fin"),
        ("final", 3, "The <mark>ﬁnal</mark> word"),
        ("words", 3, "The ﬁnal <mark>word</mark>"),
        ("hyphen", 4, "<mark>hy\u{AD}phen</mark>"),
        ("ΣΊΣΥΦΟΣ", 5, "<mark>Σίσυφος</mark>"),
        ("ısı", 6, "<mark>ısı</mark>"),
    ] {
        assert_eq!(found(&case, query).await, (vec![document], html.to_owned()), "{query}");
    }
    assert!(found(&case, "isi").await.0.is_empty(), "a dotless i is another letter");
    assert_whole(&case).await;
}

/// Words joined by punctuation are found together or alone; a name matches only as a whole, unless no document contains
/// it.
pub async fn words_joined_by_punctuation_are_found<S: Store>(stand: &Stand<S>) {
    let texts = [
        "A lease ends.",
        "The heartbeat stops.",
        "Written for Node.js, in no node of js.",
        "A node is a place.",
        "foo-bar is a name.",
        "A bar.",
        "C++ is a language.",
        "Vitamin C and plan C.",
        "It listens on 127.0.0.1 alone.",
        "Version 1 has 0 of 127.",
        "C++20 and C# too.",
    ];
    let case = indexed(stand, &texts).await;
    for (query, documents) in [
        ("heartbeat,lease", &[0, 1][..]),
        ("heartbeat，lease", &[0, 1]),
        ("heartbeat;lease", &[0, 1]),
        ("heartbeat/lease", &[0, 1]),
        ("(heartbeat)|[lease]", &[0, 1]),
        ("heartbeat—lease", &[0, 1]),
        ("heartbeat...lease", &[0, 1]),
        ("heartbeat\u{2}lease", &[0, 1]),
        // No document contains these.
        ("heartbeat-lease", &[0, 1]),
        ("heartbeat.lease", &[0, 1]),
        ("stops-language vitamin", &[1, 6, 7]),
        ("node.js", &[2]),
        ("Node.JS", &[2]),
        ("node", &[2, 3]),
        ("foo-bar", &[4]),
        ("foo_bar", &[4]),
        ("C++", &[6, 10]),
        ("c#", &[10]),
        ("c", &[6, 7, 10]),
        ("127.0.0.1", &[8]),
        ("127.0.0.2", &[]),
        (r#"lease" OR scope:x NEAR("#, &[0]),
        (r#"*"{text_words}:^-"#, &[]),
    ] {
        assert_eq!(found(&case, query).await.0, documents, "{query}");
    }
    assert_eq!(found(&case, "node.js").await.1, "Written for <mark>Node.js</mark>, in no node of js.");
    assert_eq!(found(&case, "c++ language").await.1, "<mark>C++</mark> is a <mark>language</mark>.");
    assert_eq!(found(&case, "heartbeat-lease").await.1.matches("<mark>").count(), 1);
    assert_whole(&case).await;
}

/// No character of a text is taken for a highlight, and the HTML contains no character that HTML forbids.
pub async fn no_character_breaks_a_highlight<S: Store>(stand: &Stand<S>) {
    let all: String = ('\u{1}'..'\u{20}').chain(['\u{7F}', '\u{85}', '\u{E000}', '\u{FFFE}', '\u{1FFFF}']).collect();
    let text = format!("\u{3}[<b>lease\u{2}s</b>] & \"le\u{2}ase\" </mark> {all} ends lease \u{2}");
    let case = indexed(stand, &[&text]).await;
    let (documents, html) = found(&case, "lease").await;
    let shown: String =
        all.chars().map(|it| if "\t\n\u{c}\r\u{e000}".contains(it) { it } else { '\u{FFFD}' }).collect();
    let expected = format!(
        "�[&lt;b&gt;<mark>lease</mark>�s&lt;/b&gt;] &amp; &quot;le�ase&quot; &lt;/mark&gt; {shown} ends <mark>lease</mark> �"
    );
    assert_eq!((documents, html), (vec![0], expected));
    let hit = case.found("ends", "keyword").await.1;
    assert_eq!(hit["text"], text, "the text is as it was sent");
    assert_whole(&case).await;
}

/// A BOM before a text is not part of it, and a heading of two lines is joined with a space.
pub async fn a_heading_is_read_as_it_is_shown<S: Store>(stand: &Stand<S>) {
    let text = "\u{FEFF}The team,\nthe others\n===\n\nSome words.";
    let case = indexed(stand, &[text]).await;
    let hit = case.found("words", "keyword").await.1;
    assert_eq!((&hit["heading"], &hit["text"]), (&json!("The team, the others"), &json!(text[3..])));
    assert_eq!((&hit["start"], &hit["end"]), (&json!(3), &json!(text.len())));
    for word in ["team", "the", "team,the"] {
        assert_eq!(case.found(word, "keyword").await.0, ["0"], "{word}");
    }
    assert_whole(&case).await;
}
