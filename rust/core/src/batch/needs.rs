//! What an entry of the core allocates at most, in bytes: asked for before it begins.
//!
//! Each sum follows the buffers of the code it stands for, those that live side by side; phases that follow each other count
//! with the largest. `tests/runtime` runs every entry under limits all the way up, which finds what is forgotten here.

use super::row::FitRow;
use crate::expr::BLOCK;
use crate::problem::MOST_SCANNED;
use crate::question::Question;

const NUMBER: u128 = size_of::<f64>() as u128;

/// Rows of a part of a sum over very many rows.
const PART: u128 = 64 * BLOCK as u128;

/// Bytes of the head of a vector and of the allocator's own per allocation.
const VECTOR: u128 = 48;

/// The sizes of a question that memory depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    inputs: u128,
    slots: u128,
    terms: u128,
    params: u128,
    free: u128,
    registers: u128,
    groups: u128,
    rows: u128,
    largest: u128,
}

impl Needs {
    pub(super) fn of(question: &Question) -> Self {
        let (columns, program) = (&question.columns, &question.program);
        let largest = columns.offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        Self {
            inputs: columns.inputs.len() as u128,
            slots: program.slots() as u128,
            terms: program.power_sum().map_or(0, |sum| sum.terms.len()) as u128,
            params: question.params.len() as u128,
            free: question.free() as u128,
            registers: program.registers() as u128,
            groups: columns.groups() as u128,
            rows: columns.target.len() as u128,
            largest: largest as u128,
        }
    }

    /// The table of fits, as rows here and as columns beyond the door.
    pub(super) fn fits(&self) -> u128 {
        self.groups * (FitRow::needs(self.params as usize) + 3 * (3 * NUMBER + 4) * self.params + 12 * NUMBER)
    }

    /// Searching `count` starts in each of the groups that `threads` threads have in hand.
    pub(super) fn search(&self, count: usize, threads: usize) -> u128 {
        // Whoever shares the rows of a large group may take up another in between.
        let in_hand = (2 * threads as u128).min(self.groups).max(1);
        let rows = (in_hand * self.largest).min(self.rows);
        // The problem; a view of it; the rows of the solver, and those of a trust region, a kink, a rank beside them.
        let per_row = 2 * self.slots + self.inputs + 4 * self.free + 34;
        let starts = 3 * count as u128 * (NUMBER * self.params + VECTOR);
        NUMBER * rows * per_row + in_hand * (self.worker() + starts) + threads as u128 * self.blocks()
    }

    /// Refitting, or looking again at, up to `replicates` of one group after another (or, `across`, of as many groups as there
    /// are threads), by workers that take `chunk` of them at a time.
    pub(super) fn refits(&self, replicates: u128, chunk: usize, starts: usize, threads: usize, across: bool) -> u128 {
        let workers = replicates.div_ceil(chunk as u128).clamp(1, threads as u128);
        let shared = self.slots + self.inputs + self.terms + 6 * self.free + 24;
        let own = self.slots + self.inputs + self.terms + 5 * self.free + 34;
        let groups = if across { workers } else { 1 };
        // The law at the scanned points, which the replicates of a group share.
        let scanned =
            if starts == 0 { 0 } else { 8 * starts.max(2) as u128 * (self.free + 1) * (self.largest + BLOCK as u128) };
        let scanned = NUMBER * scanned.min(MOST_SCANNED as u128);
        let starts = 24 * starts as u128 * (NUMBER * self.params + VECTOR);
        NUMBER * self.largest * (groups * shared + workers * own)
            + (workers + groups) * (self.worker() + starts)
            + groups * scanned
            + threads as u128 * self.blocks()
    }

    /// What a worker holds whatever the rows: blocks, matrices, and sums in parts.
    fn worker(&self) -> u128 {
        let square = self.free * self.free;
        let parts = (self.largest / PART + 1) * (3 * square + 8 * self.free + 8);
        self.blocks() + NUMBER * (32 * square + parts + 64 * self.params)
    }

    /// Blocks of rows that the values and derivatives of the law pass through.
    fn blocks(&self) -> u128 {
        let blocks = self.registers + self.slots + 2 * self.params + 5 * self.free + self.terms + 40;
        NUMBER * blocks * BLOCK as u128
    }
}

/// A table of `rows` x `width` numbers filled by threads, and its columns.
pub(super) fn table(rows: u128, width: usize) -> u128 {
    rows.saturating_mul(2 * NUMBER * width as u128 + 2)
}
