// Package erasuretest contains only tests. They upload files that name one person
// in every place where a name can be, erase the person, and then search the raw
// files of SQLite and all collections of MongoDB for the name.
//
// The rule: a receipt that says complete means that no byte of the name is left.
//
// Add a place to the table here for each new text that a store or queue keeps.
package erasuretest
