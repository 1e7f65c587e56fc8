//! Damaged files, disks that can't be read, and power cuts.

use super::*;

#[test]
fn damage_in_a_page_gives_its_series_a_new_id_and_is_told() {
    let disk = SimDisk::new();
    let index = Index::new(Vec::new(), 0);
    resolve_all(&index, 0..50);
    index.install(written(&disk, 1, index.head_snapshot().series()));
    disk.flip_bit(&path(1), 20, 1).unwrap();
    let known = index.ids();
    let resolved = index.resolve(&realistic(3), None).unwrap();
    assert!(!resolved.durable && !known.contains(resolved.id.0));
    assert_eq!(index.resolve(&realistic(3), None).unwrap(), resolved);
    assert_eq!(index.damage().len(), 1);
    assert!(index.damage()[0].contains("1.idx: a page of the series table at byte 0 is damaged"));
    disk.fail_next(Op::Read, "1.idx", ErrorKind::Other);
    assert!(
        matches!(index.resolve(&realistic(4), None), Err(IndexError::Io { .. })),
        "an unreadable disk is no damage"
    );
}

#[test]
fn postings_are_read_although_what_lies_behind_them_cannot_be() {
    let disk = SimDisk::new();
    let segment = written(&disk, 1, (0..3000).map(|i| (SeriesId(i as u32), realistic(i))).collect());
    let of = |value: &str| segment.postings(&Matcher::equal("le", value));
    // The second list in order is read with what follows it, at first.
    assert!(!of("0.005").unwrap().is_empty());
    disk.fail_next(Op::Read, "1.idx", ErrorKind::Other);
    let found = of("0.01").unwrap();
    let index = Index::new(vec![segment.clone()], 0);
    assert!(found.iter().all(|id| index.labels(SeriesId(id)).unwrap().unwrap().get("le") == Some("0.01")));
    assert_eq!(found, of("0.01").unwrap());
}

/// Every question that a segment answers, as text; an error's text where it fails.
fn everything(segment: &Segment) -> Vec<String> {
    let mut answers = Vec::new();
    for i in 0..40 {
        answers.push(format!("{:?}", segment.labels(SeriesId(i))));
        answers.push(format!("{:?}", segment.find_id(&realistic(i as usize))));
    }
    for name in segment.label_names().unwrap() {
        let values = segment.label_values(&name).unwrap();
        for value in &values {
            answers
                .push(format!("{name} {value} {:?}", segment.postings(&Matcher::equal(name.as_str(), value.as_str()))));
        }
    }
    answers
}

#[test]
fn no_flipped_bit_panics_or_passes_for_the_truth() {
    let disk = SimDisk::new();
    let segment = written(&disk, 1, (0..40).map(|i| (SeriesId(i), realistic(i as usize))).collect());
    let truth = everything(&segment);
    let len = disk.read_file(&path(1)).unwrap().len() as u64;
    for at in 0..len {
        let bit = (at % 8) as u8;
        disk.flip_bit(&path(1), at, bit).unwrap();
        match Segment::open(&disk, &path(1)) {
            Err(error) => {
                assert!(error.is_damage() || matches!(error, IndexError::Version { .. }), "byte {at}: {error}")
            }
            Ok(segment) => {
                assert!(segment.verify().is_err_and(|e| e.is_damage()), "byte {at} is under no checksum");
                if at % 3 == 0 {
                    for (answer, want) in everything(&segment).iter().zip(&truth) {
                        assert!(answer == want || answer.contains("Damaged"), "byte {at}: {answer} for {want}");
                    }
                }
            }
        }
        disk.flip_bit(&path(1), at, bit).unwrap();
    }
}

#[test]
fn a_segment_cut_short_or_of_other_bytes_is_refused() {
    let disk = SimDisk::new();
    written(&disk, 1, (0..3).map(|i| (SeriesId(i), realistic(i as usize))).collect());
    let bytes = disk.read_file(&path(1)).unwrap();
    for cut in 0..bytes.len() {
        disk.write_file(Path::new("cut"), &bytes[..cut]);
        assert!(Segment::open(&disk, Path::new("cut")).is_err_and(|e| e.is_damage()), "cut at {cut}");
    }
    proptest!(|(junk in prop::collection::vec(any::<u8>(), 0..600))| {
        disk.write_file(Path::new("junk"), &junk);
        prop_assert!(Segment::open(&disk, Path::new("junk")).is_err());
    });
}

#[test]
fn a_disk_that_can_not_be_read_is_an_error_that_names_the_file() {
    let disk = SimDisk::new();
    written(&disk, 1, vec![(SeriesId(1), realistic(1))]);
    disk.fail_next(Op::Open, "1.idx", ErrorKind::PermissionDenied);
    let error = Segment::open(&disk, &path(1)).err().unwrap();
    assert!(error.to_string().starts_with("1.idx: opening failed"), "{error}");
    let disk: &dyn Disk = &disk;
    assert!(Segment::open(disk, Path::new("none")).is_err());
}

#[test]
fn a_power_cut_at_any_operation_of_a_write_or_merge_leaves_a_whole_segment_or_an_error() {
    let story = |disk: &SimDisk| -> Result<Vec<PathBuf>, IndexError> {
        let mut done = Vec::new();
        for n in 0..2 {
            let series: Vec<_> = (n * 3..n * 3 + 3).map(|i| (SeriesId(i), realistic(i as usize))).collect();
            if Segment::write(disk, &path(n as usize), series).is_err() {
                return Ok(done);
            }
            done.push(path(n as usize));
        }
        let old = [Arc::new(Segment::open(disk, &path(0))?), Arc::new(Segment::open(disk, &path(1))?)];
        if Segment::merge(disk, &path(2), &old, &RoaringBitmap::full()).is_ok() {
            done.push(path(2));
        }
        Ok(done)
    };
    let disk = SimDisk::new();
    assert_eq!(story(&disk).unwrap().len(), 3);
    let total = disk.ops();
    let mut finished = BTreeSet::new();
    for ops in 0..=total {
        for cut in [Cut::LOST, Cut::KILL, Cut::torn(ops), Cut::torn(ops + 100)] {
            let disk = SimDisk::new();
            disk.cut_power_after(ops);
            let done = story(&disk).unwrap();
            finished.insert(done.len());
            let after = disk.restart(cut);
            for path in &done {
                Segment::open(&after, path).unwrap().verify().unwrap();
            }
        }
    }
    assert_eq!(finished, [0, 1, 2, 3].into());
}
