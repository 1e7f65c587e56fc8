//! `/api/v1/status/storage`: the store file by file. Ours, not Prometheus'.

use serde_json::{Value, json};

use crate::{
    model::TimeRange,
    seams::{
        detail::{MemtableDetail, SegmentDetail, StorageDetail, TableDetail},
        status::MemoryPart,
    },
    server::{Response, ServerState, envelope::success_json, error::ApiError},
};

/// Everything there is to see.
pub(crate) async fn storage(state: &ServerState) -> Result<Response, ApiError> {
    let status = state.stores()?.status.clone();
    let detail = state.default_deadline().run(&state.lookups, move |_| Ok(status.detail())).await?;
    let mut shown = shown(&detail);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("memory".to_owned(), memory(state, detail.memory));
    }
    Ok(success_json(&shown))
}

fn shown(detail: &StorageDetail) -> Value {
    json!({
        "tables": detail.tables.iter().map(table).collect::<Vec<_>>(),
        "indexSegments": detail.segments.iter().map(segment).collect::<Vec<_>>(),
        "memtables": detail.memtables.iter().map(memtable).collect::<Vec<_>>(),
        "walBytes": detail.wal_bytes,
        "diskFreeBytes": detail.disk_free,
        "writesRefused": detail.refusing,
        "damage": detail.damage,
    })
}

/// The budget and its parts, live.
fn memory(state: &ServerState, parts: Vec<MemoryPart>) -> Value {
    let part = |part: MemoryPart| json!({"name": part.name, "usedBytes": part.used, "limitBytes": part.limit});
    json!({
        "budgetBytes": state.options.memory,
        "parts": state.memory(parts).into_iter().map(part).collect::<Vec<_>>(),
    })
}

fn table(table: &TableDetail) -> Value {
    json!({
        "number": table.number,
        "minTime": table.times.map(|times| times.start),
        "maxTime": table.times.map(|times| times.end),
        "series": table.series,
        "samples": table.samples,
        "bytes": table.bytes,
        "damagedBlocks": table.damaged_blocks,
    })
}

fn segment(segment: &SegmentDetail) -> Value {
    json!({
        "number": segment.number,
        "series": segment.series,
        "labelPairs": segment.label_pairs,
        "bytes": segment.bytes,
    })
}

fn memtable(memtable: &MemtableDetail) -> Value {
    let times = |end: fn(TimeRange) -> i64| memtable.times.map(end);
    json!({
        "sealed": memtable.sealed,
        "minTime": times(|times| times.start),
        "maxTime": times(|times| times.end),
        "series": memtable.series,
        "samples": memtable.samples,
        "bytes": memtable.bytes,
    })
}
