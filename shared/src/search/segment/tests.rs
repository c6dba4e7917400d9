//! Tests of segments: encoded segments can be read, and nothing else can.

use proptest::prelude::*;

use super::*;

fn id(n: u8) -> EntryId {
    [n; 16]
}

fn entries() -> impl Strategy<Value = (usize, BTreeMap<EntryId, Vec<f32>>)> {
    let value = || prop_oneof![-1_f32..1.0, Just(0.0), Just(-0.0), Just(f32::MAX), Just(f32::MIN_POSITIVE / 4.0)];
    (1_usize..150).prop_flat_map(move |dimensions| {
        let vector = proptest::collection::vec(value(), dimensions);
        (Just(dimensions), proptest::collection::btree_map(any::<EntryId>(), vector, 0..8))
    })
}

fn encoded(dimensions: usize, entries: &BTreeMap<EntryId, Vec<f32>>) -> Vec<u8> {
    encode(dimensions, entries.iter().map(|(id, vector)| (*id, vector.as_slice()))).unwrap()
}

#[test]
fn the_encoding_is_stable() {
    let bytes = encode(3, [(id(2), [0.5, -1.0, 0.0].as_slice()), (id(1), &[0.0, 0.0, 0.0])]).unwrap();
    let mut expected = b"LSVS\x01\0\0\0\x03\0\0\0\x02\0\0\0".to_vec();
    expected.extend([id(1), id(2)].concat());
    expected.extend([0_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat());
    // Expected scale: 0, and the inverse of the root of 64 * 64 + 127 * 127.
    expected.extend([[0; 4], [141, 105, 230, 59]].concat());
    expected.extend([0, 0, 0, 64, 129, 0]);
    expected.extend(CRC_32.checksum(&expected).to_le_bytes());
    assert_eq!(bytes, expected);
}

#[test]
fn each_entry_has_its_bytes() {
    for dimensions in [1, 64, 65, 384, 1_536] {
        let vector = vec![1.0; dimensions];
        let size = |count: u8| encode(dimensions, (0..count).map(|n| (id(n), vector.as_slice()))).unwrap().len();
        assert_eq!(size(3) - size(0), 3 * entry_bytes(dimensions), "{dimensions}");
    }
}

#[test]
fn the_last_entry_of_an_id_is_kept() {
    let both = encode(1, [(id(1), [1.0].as_slice()), (id(1), &[-1.0])]).unwrap();
    assert_eq!(both, encode(1, [(id(1), [-1.0].as_slice())]).unwrap());
}

#[test]
fn a_segment_tells_what_it_holds() {
    let segment = Segment::decode(encode(2, [(id(1), [1.0, -0.5].as_slice())]).unwrap()).unwrap();
    assert!(segment.contains(&id(1)) && !segment.contains(&id(2)));
    assert!(segment.holds(&id(1), &[1.0, -0.5]) && segment.holds(&id(1), &[2.0, -1.0]), "the length is not kept");
    let others: [&[f32]; 4] = [&[1.0, 0.5], &[1.0, -0.6], &[1.0], &[1.0, f32::NAN]];
    assert!(others.iter().all(|other| !segment.holds(&id(1), other)) && !segment.holds(&id(2), &[1.0, -0.5]));
}

#[test]
fn wrong_vectors_are_refused() {
    let one = |dimensions, vector: &[f32]| encode(dimensions, [(id(1), vector)]).unwrap_err();
    assert_eq!(one(2, &[1.0]), SegmentError::Dimensions { expected: 2, found: 1 });
    assert_eq!(one(0, &[]), SegmentError::NoDimensions(0));
    assert_eq!(one(4_097, &vec![0.0; 4_097]), SegmentError::NoDimensions(4_097));
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(one(2, &[1.0, value]), SegmentError::NotFinite);
    }
}

#[test]
fn bytes_that_no_encoder_writes_are_refused() {
    let good = encode(2, [(id(1), [1.0, 0.0].as_slice()), (id(2), &[1.0, 0.0])]).unwrap();
    let changed = |range: Range<usize>, put: &[u8]| {
        let mut bytes = good[..good.len() - CHECKSUM_BYTES].to_vec();
        bytes.splice(range, put.iter().copied());
        bytes.extend(CRC_32.checksum(&bytes).to_le_bytes());
        Segment::decode(bytes).unwrap_err()
    };
    assert_eq!(changed(0..1, b"X"), SegmentError::Magic);
    assert_eq!(changed(4..5, b"\x02"), SegmentError::Version(2));
    assert_eq!(changed(8..12, &[0; 4]), SegmentError::NoDimensions(0));
    assert_eq!(changed(8..12, &[255; 4]), SegmentError::NoDimensions(4_294_967_295));
    assert_eq!(changed(12..16, &[255; 4]), SegmentError::Length);
    assert_eq!(changed(16..17, &[]), SegmentError::Length);
    assert_eq!(changed(16..32, &id(2)), SegmentError::Entries, "one id twice");
    assert_eq!(changed(16..32, &id(3)), SegmentError::Entries, "not in order");
    for scale in [f32::NAN, f32::INFINITY, -0.1, 1.1] {
        assert_eq!(changed(64..68, &scale.to_le_bytes()), SegmentError::Entries);
    }
    assert_eq!(Segment::decode(Vec::new()).unwrap_err(), SegmentError::Magic);
}

proptest! {
    #[test]
    fn encoded_segments_can_be_decoded((dimensions, entries) in entries()) {
        let segment = Segment::decode(encoded(dimensions, &entries)).unwrap();
        prop_assert_eq!(segment.dimensions(), dimensions);
        prop_assert!(segment.ids().iter().eq(entries.keys()));
        for (n, (id, vector)) in entries.iter().enumerate() {
            prop_assert!(segment.contains(id) && segment.holds(id, vector));
            let (scale, values) = segment.values(n);
            let greatest = vector.iter().fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
            let values: Vec<_> = values.map(f32::from).collect();
            for (value, byte) in vector.iter().zip(&values) {
                prop_assert!(greatest == 0.0 || (value / greatest - byte / BYTE_MAX).abs() < 0.51 / BYTE_MAX);
            }
            let length: f32 = values.iter().map(|value| (value * scale).powi(2)).sum();
            prop_assert!((length - 1.0).abs() < 1e-3 || (greatest == 0.0 && scale == 0.0));
        }
    }

    #[test]
    fn any_bytes_are_handled(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), begins in any::<bool>()) {
        if begins {
            bytes.splice(..0, b"LSVS\x01\0\0\0\x01\0\0\0".iter().copied());
        }
        prop_assert!(Segment::decode(bytes).is_err());
    }

    #[test]
    fn a_changed_byte_is_detected((dimensions, entries) in entries(), at in any::<prop::sample::Index>(), by in 1_u8..) {
        let mut bytes = encoded(dimensions, &entries);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert!(Segment::decode(bytes.clone()).is_err());
        bytes[at] ^= by;
        bytes.truncate(at);
        prop_assert!(Segment::decode(bytes).is_err());
    }
}
