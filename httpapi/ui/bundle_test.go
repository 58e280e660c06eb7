package ui

import (
	"strings"
	"testing"
	"testing/fstest"
)

func source(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestModulesComeAfterThoseThatTheyImport(t *testing.T) {
	files, err := bundle(fstest.MapFS{
		"app.js":  source("// Starts.\nimport { a, b } from './a.js';\nconst page = () => import('./page.js');\nexport const run = () => a(b, page);\n"),
		"a.js":    source("import { c } from './c.js';\n\n/** Says\n * it. */\nexport async function a() { return c; }\nexport class b {}\n"),
		"c.js":    source("import { b } from './a.js';\nexport const c = 'http://x'; // kept\n"),
		"page.js": source("import { c } from './c.js';\nexport const page = () => c;\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, first, _ := strings.Cut(string(files[entry]), "modules['c.js']")
	want := ` = (() => {
let b;
late.push(() => { ({ b } = modules['a.js']); });
const c = 'http://x'; // kept
return { c };
})();
modules['a.js'] = (() => {
const { c } = modules['c.js'];
async function a() { return c; }
class b {}
return { a, b };
})();
modules['app.js'] = (() => {
const { a, b } = modules['a.js'];
const page = () => load('page.js');
const run = () => a(b, page);
return { run };
})();
link();
`
	if first != want {
		t.Errorf("app.js ends with %s\nwant %s", first, want)
	}
	if got := string(files[rest]); !strings.Contains(got, "modules['page.js'] = (() => {\nconst { c } = modules['c.js'];\n") {
		t.Errorf("rest.js is %s", got)
	}
}

func TestModulesOfUnknownFormAreRefused(t *testing.T) {
	for _, text := range []string{
		"export let a = 1;\n", "export default 1;\n", "import a from './a.js';\n", "import * as a from './a.js';\n",
		"import { a as b } from './a.js';\n", "import {\n a } from './a.js';\n", "import { a } from './missing.js';\n",
	} {
		if _, err := bundle(fstest.MapFS{"app.js": source(text), "a.js": source("")}); err == nil {
			t.Errorf("%q is bundled", text)
		}
	}
}
