package storetest_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/store/storetest"
)

var update = flag.Bool("update", false, "write the table of rules")

// contract has the documentation of the types, methods and fields of a package,
// by name, on one line each.
type contract map[string]string

func readContract(t *testing.T, dir, prefix string) contract {
	t.Helper()
	c := contract{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		c.add("Package store", file.Doc)
		ast.Inspect(file, func(n ast.Node) bool {
			if decl, ok := n.(*ast.GenDecl); ok {
				c.addTypes(decl, prefix)
			}
			return true
		})
	}
	return c
}

func (c contract) add(name string, doc *ast.CommentGroup) {
	c[name] += strings.Join(strings.Fields(" "+doc.Text()), " ") + " "
}

func (c contract) addTypes(decl *ast.GenDecl, prefix string) {
	for _, spec := range decl.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		name := prefix + t.Name.Name
		c.add(name, decl.Doc)
		c.add(name, t.Doc)
		var fields *ast.FieldList
		switch typ := t.Type.(type) {
		case *ast.InterfaceType:
			fields = typ.Methods
		case *ast.StructType:
			fields = typ.Fields
		default:
			continue
		}
		for _, f := range fields.List {
			for _, n := range f.Names {
				if prefix == "" {
					c.add(name+"."+n.Name, f.Doc)
				} else {
					c.add(name, f.Doc)
				}
			}
		}
	}
}

// clauses splits a quotation or a documentation at the ends of its clauses.
func clauses(text string) []string {
	var all []string
	for _, sentence := range strings.FieldsFunc(strings.NewReplacer(". ", "\x00", "; ", "\x00", ".\n", "\x00").Replace(text+" "), func(r rune) bool { return r == 0 }) {
		if clause := plain(sentence); clause != "" {
			all = append(all, clause)
		}
	}
	return all
}

// plain makes clauses comparable: with a small first letter, without links.
func plain(clause string) string {
	clause = strings.NewReplacer("[", "", "]", "", "store.", "", "Errors: ", "").Replace(strings.Trim(clause, " .;"))
	first, size := utf8.DecodeRuneInString(clause)
	if size == 0 {
		return ""
	}
	return string(unicode.ToLower(first)) + clause[size:]
}

// quotes returns the clauses that a rule quotes, by the name of what they
// document.
func quotes(why string) map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(why) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			all[line] = []string{line}
			continue
		}
		all[name] = append(all[name], clauses(text)...)
	}
	return all
}

func wholeContract(t *testing.T) contract {
	t.Helper()
	c := readContract(t, "..", "")
	for name, doc := range readContract(t, "../../metrics", "metrics.") {
		if strings.HasPrefix(name, "metrics.") {
			c[name] = doc
		}
	}
	for name, doc := range readContract(t, ".", "") {
		if strings.HasPrefix(name, "Harness") {
			c[name] = doc
		}
	}
	return c
}

func TestEachRuleQuotesTheContract(t *testing.T) {
	c := wholeContract(t)
	for _, r := range storetest.Rules() {
		for name, quoted := range quotes(storetest.Why(r)) {
			doc, ok := c[name]
			if !ok {
				t.Errorf("%q quotes the documentation of %q, which has none; a rule quotes as Store.Record: and some of its clauses, one name a line", r, name)
				continue
			}
			doc = strings.Join(clauses(doc), "\n")
			for _, clause := range quoted {
				if !strings.Contains(doc, clause) && !strings.Contains(strings.ToLower(doc), strings.ToLower(clause)) {
					t.Errorf("%q quotes what the documentation of %s does not say: %q", r, name, clause)
				}
			}
		}
	}
}

// untested are the clauses of the contract that no rule can check, or that are no
// promise of a store, with the reason.
var untested = map[string]string{
	"Store.CountBatches: it reads no more than that many entries of an index per status, however many batches there are":        "a matter of benchmarks",
	"Store.CountBatches: a batch that changes meanwhile may be counted twice or not at all":                                     "a permission",
	"Auditor: auditor is a Store whose ledger can be read and corrected":                                                        "names the interface",
	"Auditor.Rebuild: a store without such sums does nothing":                                                                   "a permission",
	"Deduper: deduper is a Store that knows which batch has a fingerprint":                                                      "names the interface",
	"Deduper.Claim: after an error, some of the fingerprints may have been given":                                               "a permission",
	"Deduper.Claim: after another error, only Abort is allowed":                                                                 "binds the caller",
	"Deduper.Claim: a process that was suspended for as long may have lost its Writers: their Commit fails with ErrNotFound":    "backends stop their own heartbeat",
	"Inspector: inspector is a Store that can look for damage in all that it keeps":                                             "names the interface",
	"Explainer: explainer is a Store that knows which batches make up a count":                                                  "names the interface",
	"Retainer: retainer is a Store that can remove parts of a batch: what is old, and what belongs to one subject":              "names the interface",
	"Retainer.Erase: so a call that is repeated after an error may return 0":                                                    "a permission",
	"Retainer.Erase: after Erase has returned nil, the store has no copy of e.Value in notes of its own":                        "backends search their files and collections",
	"Retainer.Scrub: until then such bytes may be left":                                                                         "a permission",
	"Retainer.Scrub: it may wait for readers":                                                                                   "a permission",
	"Retainer.UnpurgedDays: the call is quick however many batches there are":                                                   "a matter of benchmarks",
	"Store: store keeps batches, their events and the ledger":                                                                   "names the interface",
	"Store: an error that is not one of the package's sentinels, or is ErrUnavailable, leaves open whether the change was made": "a permission",
	"Store: every method but Begin may then be called again with the same arguments":                                            "fault tests of the backends repeat calls whose answers are lost",
	"Store: the caller chooses the ids of batches":                                                                              "binds the caller",
	"Store: they are UUIDv7 text, so that ascending ids are ascending in time":                                                  "binds the caller",
	"Store: a clock of the database is not used":                                                                                "the database of a test has the clock of its process",
	"Store: callers drop or refuse other strings before: no method need notice them":                                            "binds the caller",
	"Store.Batch: batch returns a batch":                                                                                        "all rules use it",
	"Store.Begin: begin starts a new batch and returns the Writer that fills it":                                                "all rules use it",
	"Store.Begin: the caller must call Commit or Abort":                                                                         "binds the caller",
	"Store.Pending: the caller recounts the events in both cases":                                                               "binds the caller",
	"Store.Pending: metrics.ErrCorrupt when it is damaged, whereupon the caller recounts the events too":                        "backends damage their files and collections",
	"Writer: it is not safe for concurrent use":                                                                                 "binds the caller",
	"Writer.Write: it may keep the strings":                                                                                     "a permission",
	"Writer.Write: the events need not be durable before Commit":                                                                "a permission",
	"Writer.Write: after an error, only Abort is allowed":                                                                       "binds the caller",
}

func TestEachClauseOfTheContractHasARule(t *testing.T) {
	c := wholeContract(t)
	quoted := map[string][]string{}
	for _, r := range storetest.Rules() {
		for name, all := range quotes(storetest.Why(r)) {
			quoted[name] = append(quoted[name], all...)
		}
	}
	unused := map[string]bool{}
	for clause := range untested {
		unused[clause] = true
	}
	for _, name := range promising(c) {
		for _, clause := range clauses(c[name]) {
			key := name + ": " + clause
			delete(unused, key)
			covered := slices.ContainsFunc(quoted[name], func(q string) bool {
				return strings.Contains(strings.ToLower(clause), strings.ToLower(q))
			})
			if _, ok := untested[key]; !ok && !covered {
				t.Errorf("no rule quotes %q; add a rule, or a reason to untested", key)
			}
		}
	}
	for key := range unused {
		t.Errorf("untested names %q, which the contract does not say", key)
	}
}

// promising returns the names of the interfaces and their methods.
func promising(c contract) []string {
	var names []string
	for name := range c {
		kind, _, _ := strings.Cut(name, ".")
		switch kind {
		case "Store", "Writer", "Auditor", "Explainer", "Deduper", "Retainer", "Inspector":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// table is the list of rules in the package documentation.
func table() string {
	var b strings.Builder
	b.WriteString("// # Rules\n//\n// Each rule, with what it quotes from the documentation of package store:\n//\n")
	for _, r := range storetest.Rules() {
		fmt.Fprintf(&b, "//\t%s\n", r)
		for line := range strings.Lines(storetest.Why(r)) {
			for i, part := range wrapped(strings.TrimSpace(line), 88) {
				fmt.Fprintf(&b, "//\t    %s%s\n", strings.Repeat(" ", min(i, 1)*4), part)
			}
		}
	}
	return b.String()
}

func wrapped(text string, width int) []string {
	var lines []string
	now := ""
	for word := range strings.FieldsSeq(text) {
		if now != "" && len(now)+len(word) >= width {
			lines, now = append(lines, now), ""
		}
		now = strings.TrimSpace(now + " " + word)
	}
	return append(lines, now)
}

func TestThePackageDocumentationListsTheRules(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "// # Rules\n")
	if !ok {
		t.Fatal("doc.go has no list of rules")
	}
	_, after, _ := strings.Cut(rest, "package storetest\n")
	want := before + table() + "package storetest\n" + after
	if *update {
		if err := os.WriteFile("doc.go", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Errorf("run go test ./store/storetest -run ListsTheRules -update: %s", d)
	}
}
