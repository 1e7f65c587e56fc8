use proptest::prelude::*;

use super::*;

fn wanted<'w>(measurement: &'w str, field: &'w str, metric: &'w str, field_type: FieldType) -> WantedField<'w> {
    WantedField { database: "t", measurement, field, metric, field_type }
}

fn claim(
    catalog: &Catalog,
    measurement: &str,
    field: &str,
    field_type: FieldType,
) -> Result<Vec<Arc<CatalogEntry>>, String> {
    let mut claims = Vec::new();
    let metric = format!("{measurement}_{field}");
    let claimed = catalog.claim(&wanted(measurement, field, &metric, field_type), &mut claims);
    let claimed = claimed.map_err(|refusal| refusal.to_string())?;
    assert_eq!((claimed.is_durable, &*claimed.metric), (claims.is_empty(), &*metric));
    Ok(claims)
}

fn types(catalog: &Catalog) -> Vec<(String, FieldType)> {
    let snapshot = catalog.snapshot();
    let fields = snapshot
        .database("t")
        .into_iter()
        .flat_map(|database| database.measurements().flat_map(|name| database.fields(name)).collect::<Vec<_>>());
    fields.map(|field| ((*field.metric).to_owned(), field.field_type)).collect()
}

#[test]
fn the_first_claim_stands_before_it_is_on_disk_and_a_dropped_one_never_was() {
    let catalog = Catalog::default();
    let first = claim(&catalog, "a", "v", FieldType::Integer).unwrap();
    let words =
        "field type conflict: input field \"v\" on measurement \"a\" is type boolean, already exists as type integer";
    assert_eq!(claim(&catalog, "a", "v", FieldType::Boolean).unwrap_err(), words);
    assert_eq!(catalog.field_type("t", "a", "v"), Some(FieldType::Integer));
    drop(first);
    assert_eq!(catalog.field_type("t", "a", "v"), None);
    let boolean = claim(&catalog, "a", "v", FieldType::Boolean).unwrap();
    assert!(claim(&catalog, "a", "v", FieldType::Float).is_err());
    catalog.commit(boolean);
    assert!(claim(&catalog, "a", "v", FieldType::Float).is_err());
    assert_eq!(types(&catalog), [("a_v".to_owned(), FieldType::Boolean)]);
}

#[test]
fn a_claim_stands_as_long_as_any_batch_holds_one_whatever_its_number_type() {
    let catalog = Catalog::default();
    let integer = claim(&catalog, "a", "v", FieldType::Integer).unwrap();
    let again = claim(&catalog, "a", "v", FieldType::Integer).unwrap();
    assert!(Arc::ptr_eq(&integer[0], &again[0]));
    let float = claim(&catalog, "a", "v", FieldType::Float).unwrap();
    drop((float, again));
    assert!(claim(&catalog, "a", "v", FieldType::Boolean).is_err(), "the first batch is still on its way");
    let float = claim(&catalog, "a", "v", FieldType::Float).unwrap();
    catalog.commit(float);
    catalog.commit(integer);
    assert_eq!(types(&catalog), [("a_v".to_owned(), FieldType::Float)], "whatever order they arrive in");
    assert!(claim(&catalog, "a", "v", FieldType::Integer).unwrap().is_empty());
}

#[test]
fn a_field_of_integers_becomes_one_of_floats_with_the_record_that_needs_it() {
    let catalog = Catalog::default();
    catalog.commit(claim(&catalog, "a", "v", FieldType::Integer).unwrap());
    assert!(claim(&catalog, "a", "v", FieldType::Integer).unwrap().is_empty());
    let wider = claim(&catalog, "a", "v", FieldType::Float).unwrap();
    let other = claim(&catalog, "a", "v", FieldType::Float).unwrap();
    assert_eq!((wider.len(), other.len()), (1, 1), "each record says it until one is on disk");
    catalog.commit(wider);
    assert!(claim(&catalog, "a", "v", FieldType::Float).unwrap().is_empty());
    catalog.commit(other);
    assert_eq!(types(&catalog), [("a_v".to_owned(), FieldType::Float)]);
}

#[test]
fn of_two_fields_with_one_metric_the_first_has_it_and_the_refusal_names_both() {
    let catalog = Catalog::default();
    let first = claim(&catalog, "cpu", "usage_idle", FieldType::Float).unwrap();
    let second = || claim(&catalog, "cpu_usage", "idle", FieldType::Float);
    let words = second().unwrap_err();
    for says in ["\"idle\" on measurement \"cpu_usage\"", "\"cpu_usage_idle\"", "\"usage_idle\" on measurement \"cpu\""]
    {
        assert!(words.contains(says), "{words}");
    }
    catalog.commit(first);
    assert_eq!(second().unwrap_err(), words);
    let other = WantedField { database: "u", ..wanted("cpu_usage", "idle", "cpu_usage_idle", FieldType::Float) };
    assert!(catalog.claim(&other, &mut Vec::new()).is_ok(), "in another database it has another label");
    let kept = wanted("cpu", "usage_idle", "cpu:usage_idle", FieldType::Float);
    assert_eq!(&*catalog.claim(&kept, &mut Vec::new()).unwrap().metric, "cpu_usage_idle", "a metric never changes");
}

#[test]
fn a_dropped_claim_gives_its_metric_back() {
    let catalog = Catalog::default();
    drop(claim(&catalog, "cpu", "usage_idle", FieldType::Float).unwrap());
    let second = claim(&catalog, "cpu_usage", "idle", FieldType::Float).unwrap();
    assert!(claim(&catalog, "cpu", "usage_idle", FieldType::Float).is_err());
    catalog.commit(second);
    assert_eq!(&*catalog.snapshot().database("t").unwrap().field_of("cpu_usage_idle").unwrap().name, "idle");
}

#[test]
fn the_bytes_are_bounded_and_what_is_known_goes_on() {
    let catalog = Catalog::new(4_000);
    let mut taken = 0;
    let refusal = loop {
        match claim(&catalog, "m", &format!("f{taken}"), FieldType::Float) {
            Ok(claims) => catalog.commit(claims),
            Err(refusal) => break refusal,
        }
        taken += 1;
    };
    assert!((8..13).contains(&taken) && refusal.starts_with("max-fields limit exceeded: field"), "{taken}: {refusal}");
    assert!(catalog.bytes() <= 4_000 && claim(&catalog, "m", "f0", FieldType::Integer).unwrap().is_empty());
    assert_eq!(catalog.claim_database("u", &mut Vec::new()), Err(4_000));
    let claims = Catalog::new(4_000);
    for i in 0..1_000 {
        drop(claim(&claims, "m", &format!("f{i}"), FieldType::Float).unwrap());
    }
    assert!(claims.bytes() <= 4_000, "what nobody holds is forgotten");
}

#[test]
fn entries_make_the_same_catalog_and_what_is_saved_is_not_saved_again() {
    let catalog = Catalog::default();
    for (field, field_type) in [("a", FieldType::Float), ("b", FieldType::Boolean), ("a", FieldType::Integer)] {
        catalog.commit(claim(&catalog, "m", field, field_type).unwrap());
    }
    let mut claims = Vec::new();
    catalog.claim_database("empty", &mut claims).unwrap();
    catalog.commit(claims);
    let before = catalog.snapshot();
    let (snapshot, state) = catalog.unsaved().unwrap();
    catalog.saved(state);
    assert!(catalog.unsaved().is_none());
    let copy = Catalog::default();
    copy.commit(snapshot.entries().map(Arc::new));
    assert_eq!(copy.snapshot().entries().collect::<Vec<_>>(), snapshot.entries().collect::<Vec<_>>());
    assert_eq!(
        (copy.bytes(), copy.snapshot().databases().collect::<Vec<_>>()),
        (catalog.bytes() + 321, vec!["empty", "t"])
    );
    catalog.commit(claim(&catalog, "m", "c", FieldType::Float).unwrap());
    assert_eq!(before.database("t").unwrap().fields("m").count(), 2, "a snapshot never changes");
    assert!(catalog.unsaved().is_some());
}

/// What happens to a few batches: one claims a field, reaches the disk, or is dropped.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim(usize, usize, FieldType),
    Commit(usize),
    Drop(usize),
}

/// Fields of which some have the metric of another.
const FIELDS: [(&str, &str); 4] = [("a", "b_c"), ("a_b", "c"), ("a", "d"), ("a_b_c", "value")];

fn metric(field: usize) -> String {
    match FIELDS[field] {
        (measurement, "value") => measurement.to_owned(),
        (measurement, field) => format!("{measurement}_{field}"),
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..3, 0..FIELDS.len(), prop::sample::select(FieldType::ALL.to_vec())).prop_map(|(b, f, t)| Step::Claim(b, f, t)),
        1 => (0usize..3).prop_map(Step::Commit),
        1 => (0usize..3).prop_map(Step::Drop),
    ]
}

proptest! {
    #[test]
    fn claims_are_granted_as_long_as_nothing_on_disk_or_on_its_way_stands_against_them(steps in prop::collection::vec(step(), 0..60)) {
        let catalog = Catalog::default();
        let mut batches: [Vec<Arc<CatalogEntry>>; 3] = Default::default();
        // Naively: the fields and types that each batch holds, and those on disk.
        let mut held: [Vec<(usize, FieldType)>; 3] = Default::default();
        let mut durable: Vec<(usize, FieldType)> = Vec::new();
        for step in steps {
            match step {
                Step::Claim(batch, field, field_type) => {
                    let fits = |(other, has): &(usize, FieldType)| match *other == field {
                        true => has.join(field_type).is_some(),
                        false => metric(*other) != metric(field),
                    };
                    let may = held.iter().flatten().chain(&durable).all(fits);
                    let (measurement, name) = FIELDS[field];
                    let metric = metric(field);
                    let claimed = catalog.claim(&wanted(measurement, name, &metric, field_type), &mut batches[batch]);
                    prop_assert_eq!(claimed.is_ok(), may, "{:?}", claimed);
                    if let Ok(claimed) = claimed {
                        let known = durable.iter().filter(|(known, _)| *known == field).map(|(_, known)| *known);
                        let known = known.reduce(|one, other| one.join(other).unwrap());
                        prop_assert_eq!(claimed.is_durable, known.is_some_and(|known| known.join(field_type) == Some(known)));
                        if !claimed.is_durable {
                            held[batch].push((field, field_type));
                        }
                    }
                }
                Step::Commit(batch) => {
                    catalog.commit(std::mem::take(&mut batches[batch]));
                    durable.append(&mut held[batch]);
                }
                Step::Drop(batch) => {
                    batches[batch].clear();
                    held[batch].clear();
                }
            }
            let snapshot = catalog.snapshot();
            for (field, _) in &durable {
                let types = durable.iter().filter(|(other, _)| other == field).map(|(_, field_type)| *field_type);
                let (measurement, name) = FIELDS[*field];
                let known = snapshot.field("t", measurement, name).unwrap();
                let want = types.reduce(|one, other| one.join(other).unwrap()).unwrap();
                prop_assert_eq!(known.field_type, want);
                prop_assert_eq!(&*snapshot.database("t").unwrap().field_of(&metric(*field)).unwrap().name, name);
            }
        }
    }
}
