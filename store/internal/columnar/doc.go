// Package columnar encodes the events of a batch as blocks of columns.
//
// A [Buffer] collects rows, an [Encoder] turns one full Buffer after another
// into blocks, and a [Decoder] reads the blocks in the same order. Blocks
// depend on those before them: a column with few distinct values refers to a
// dictionary that grows from block to block. Encoder and Decoder keep the same
// dictionaries, both with bounded memory; when one is full, a block says so
// and starts a new one.
//
// Each column of a block is stored in the form that is short for it: numbers
// as their difference from the smallest or from their predecessor, bit-packed,
// with the few that do not fit apart; strings that are a prefix and a decimal
// number as that number; other strings by dictionary, or as they are.
package columnar
