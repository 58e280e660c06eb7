package httpapi_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

// tokenOf is the token that a test gives a role.
func tokenOf(role httpapi.Role) string { return "token of " + string(role) }

// tokens returns a token of each role.
func tokens() []httpapi.Token {
	var all []httpapi.Token
	for _, role := range httpapi.Roles() {
		all = append(all, httpapi.Token{Name: "the " + string(role), Role: role, SHA256: sha256.Sum256([]byte(tokenOf(role)))})
	}
	return all
}

// as is the header of a role.
func as(role httpapi.Role) []string { return []string{"Authorization", "Bearer " + tokenOf(role)} }

// rolesOf returns the roles that the document names for an operation, and whether
// it is open to all.
func rolesOf(op documented) (roles []httpapi.Role, open bool) {
	named, found := op.Extensions["x-roles"].([]any)
	for _, name := range named {
		roles = append(roles, httpapi.Role(name.(string)))
	}
	return roles, !found
}

// ask returns the status of an answer without waiting for its end, which a stream
// does not have.
func (a *api) ask(method, path string, headers ...string) int {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		a.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// state returns what a route may change: a batch, and the numbers of all.
func (a *api) state(id string) []any {
	a.t.Helper()
	queue := a.get("/admin/queues/event-processing").json(a.t)
	delete(queue, "oldest_waiting_seconds")
	return []any{a.get("/batches/" + id).json(a.t), queue, a.get("/batches?limit=1000").json(a.t)}
}

// address returns a path of a pattern, with the id of a batch.
func address(pattern, id string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	job := id
	if strings.Contains(path, "dlq") {
		job = "process:" + id
	}
	return method, strings.NewReplacer("{$}", "", "{name}", "event-processing", "{id}", job, "{path...}", "app.js").Replace(path)
}

// TestEveryRouteHasItsRoles walks all routes with all roles, and without a token
// that is accepted. The document says what must come of it.
func TestEveryRouteHasItsRoles(t *testing.T) {
	a := start(t, setup{idle: true, api: httpapi.Options{Tokens: tokens}})
	id := a.csv("/uploads?process=true", header+day8, as(httpapi.RoleUploader)...).json(t)["batch_id"].(string)
	a.kill(1)
	expired := tokens()[0]
	expired.Expires, expired.SHA256 = time.Now().Add(-time.Second), sha256.Sum256([]byte("expired"))
	if len(theContract(t).ops) < 30 {
		t.Fatal("the document has few operations")
	}
	for _, pattern := range slices.Backward(a.handler.Patterns()) { // those that change much come last
		method, path := address(pattern, id)
		roles, open := rolesOf(theContract(t).ops[pattern])
		if open != (pattern == "GET /{$}" || strings.HasSuffix(path, "/session") || slices.Contains([]string{"/openapi.yaml", "/docs", "/assets/app.js", "/health", "/healthz", "/readyz"}, path)) {
			t.Errorf("%s: open is %v", pattern, open)
		}
		if !open && slices.Contains(roles, httpapi.RoleViewer) != (method == http.MethodGet) {
			t.Errorf("%s: the roles are %v, but a viewer reads everything and changes nothing", pattern, roles)
		}
		if !open && !slices.Contains(roles, httpapi.RoleAdmin) {
			t.Errorf("%s: the roles are %v, but an admin may do everything", pattern, roles)
		}
		if open {
			if status := a.ask(method, path); status != http.StatusOK && status != http.StatusNoContent && pattern != "POST /session" {
				t.Errorf("%s without a token: %d", pattern, status)
			}
			continue
		}
		for credentials, want := range map[string]int{
			"": http.StatusUnauthorized, "Basic " + token: http.StatusUnauthorized, token: http.StatusUnauthorized,
			"Bearer wrong": http.StatusForbidden, "Bearer expired": http.StatusForbidden,
		} {
			if status := a.ask(method, path, "Authorization", credentials); status != want {
				t.Errorf("%s with %q: %d, want %d", pattern, credentials, status, want)
			}
		}
		before := a.state(id)
		for _, role := range httpapi.Roles() {
			status := a.ask(method, path, as(role)...)
			if refused := status == http.StatusUnauthorized || status == http.StatusForbidden; refused == slices.Contains(roles, role) {
				t.Errorf("%s as %s: %d, and the roles are %v", pattern, role, status, roles)
			}
			if method != http.MethodGet && (role == httpapi.RoleViewer || role == httpapi.RoleOverview) {
				if d := cmp.Diff(before, a.state(id)); d != "" {
					t.Fatalf("%s as %s changed something: %s", pattern, role, d)
				}
			}
		}
		if pattern == "DELETE /batches/{id}" {
			id = a.csv("/uploads", header+day8, as(httpapi.RoleUploader)...).json(t)["batch_id"].(string)
		}
	}
}

func TestAnUploaderReadsOnlyItsOwnBatches(t *testing.T) {
	all := append(tokens(), httpapi.Token{Name: "another", Role: httpapi.RoleUploader, SHA256: sha256.Sum256([]byte("another"))})
	a := start(t, setup{idle: true, api: httpapi.Options{Tokens: func() []httpapi.Token { return all }}})
	uploader, another := as(httpapi.RoleUploader), []string{"Authorization", "Bearer another"}
	upload := func(path, rows string, headers []string) map[string]any {
		t.Helper()
		return a.csv(path, header+rows, headers...).json(t)
	}
	const rows, bad = "C1,T1,started,2025-11-08T09:00:00Z\n", ",T1,started,2025-11-08T09:00:00Z\n"
	own := upload("/uploads", rows+bad, uploader)["batch_id"].(string)
	theirs := upload("/uploads", "C2,T1,started,2025-11-08T09:00:00Z\n"+bad, another)["batch_id"].(string)
	admins := upload("/uploads", "C3,T1,started,2025-11-08T09:00:00Z\n"+bad, nil)["batch_id"].(string)
	for _, path := range []string{"/batches/", "/batches/ID/errors"} {
		path = strings.TrimSuffix(path, "ID/errors")
		suffix := map[bool]string{true: "/errors"}[path != "/batches/"]
		if res := a.get(path+own+suffix, uploader...); res.status != http.StatusOK {
			t.Errorf("its own %s: %d %s", path+suffix, res.status, res.body)
		}
		for _, id := range []string{theirs, admins, "019ab4a3-3c5e-7e44-9a35-7f1f7a3a9d0e"} {
			a.get(path+id+suffix, uploader...).problem(t, http.StatusForbidden, httpapi.CodeForbidden)
		}
	}
	a.csv("/uploads?repairs="+theirs, header+rows, uploader...).problem(t, http.StatusForbidden, httpapi.CodeForbidden)
	if res := a.csv("/uploads?repairs="+own, header+"C9,T1,started,2025-11-08T09:00:00Z\n", uploader...); res.status != http.StatusCreated {
		t.Errorf("a repair of its own batch: %d %s", res.status, res.body)
	}

	// The content of another's batch is answered with it, and leaves it as it is.
	copied := upload("/uploads?process=true", "C2,T1,started,2025-11-08T09:00:00Z\n"+bad, uploader)
	if copied["duplicate_of"] != theirs || copied["status"] != "uploaded" {
		t.Errorf("the receipt of another's content: %v", copied)
	}
	if got := a.get("/batches/" + theirs).json(t)["status"]; got != "uploaded" {
		t.Errorf("another's batch is %v after it, want uploaded", got)
	}
	if again := upload("/uploads?process=true", rows+bad, uploader); again["duplicate_of"] != own || again["status"] != "queued" {
		t.Errorf("its own content again: %v", again)
	}

	dry := upload("/uploads?dry_run=true", "C4,T1,started,2025-11-08T09:00:00Z\n", uploader)
	if dry["inserted_count"] != 1.0 || dry["change_count"] != 1.0 || dry["changes_truncated"] != true || len(dry["changes"].([]any)) != 0 {
		t.Errorf("a dry run says what is counted: %v", dry)
	}
}

func TestAuthorizeReplacesTheTokens(t *testing.T) {
	options := httpapi.Options{Tokens: tokens, Challenge: `Basic realm="reports"`, Authorize: func(r *http.Request) (httpapi.Identity, error) {
		switch user := r.Header.Get("X-User"); user {
		case "":
			return httpapi.Identity{}, httpapi.ErrUnauthenticated
		case "admin", "viewer":
			return httpapi.Identity{Name: user, Role: httpapi.Role(user)}, nil
		case "nobody":
			return httpapi.Identity{Name: user}, nil
		}
		return httpapi.Identity{}, errors.New("not you")
	}}
	a := start(t, setup{api: options, prefix: "/em"})
	for _, path := range []string{"/batches", "/"} {
		res := a.get(path, as(httpapi.RoleAdmin)...)
		res.problem(t, http.StatusUnauthorized, httpapi.CodeUnauthenticated)
		if got := res.header.Get("WWW-Authenticate"); got != options.Challenge {
			t.Errorf("%s: WWW-Authenticate is %q", path, got)
		}
		for _, user := range []string{"guest", "nobody"} {
			a.get(path, "X-User", user).problem(t, http.StatusForbidden, httpapi.CodeForbidden)
		}
		if res := a.get(path, "X-User", "viewer"); res.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, res.status, res.body)
		}
	}
	a.do("POST", "/admin/cleanup", nil, "X-User", "viewer").problem(t, http.StatusForbidden, httpapi.CodeForbidden)
	a.do("POST", "/session", nil, "X-User", "admin").problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	if res := a.do("POST", "/admin/cleanup", nil, "X-User", "admin", "Authorization", ""); res.status != http.StatusOK {
		t.Errorf("%d %s", res.status, res.body)
	}
	a.do("POST", "/admin/cleanup", nil, "X-User", "admin", "Authorization", "Basic x", "Sec-Fetch-Site", "cross-site").
		problem(t, http.StatusForbidden, httpapi.CodeForbidden)
	want := map[string]any{"signed_in": true, "name": "viewer", "role": "viewer", "sign_in": "elsewhere", "sign_in_url": nil, "expires_at": nil}
	if d := cmp.Diff(want, a.get("/session", "X-User", "viewer").json(t)); d != "" {
		t.Error(d)
	}
	if a.get("/session").json(t)["signed_in"] != false {
		t.Error("a stranger is signed in")
	}

	options.Challenge, options.SignInURL = "", "/login?from=reports"
	b := start(t, setup{api: options, prefix: "/em"})
	res := b.get("/?view=batches")
	if got := res.header.Get("Location"); res.status != http.StatusSeeOther || got != "/login?from=reports&return_to=%2Fem%2F%3Fview%3Dbatches" {
		t.Errorf("the page without a user: %d %s", res.status, got)
	}
	if res := b.get("/batches"); res.status != http.StatusUnauthorized || res.header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v", res.status, res.header)
	}
	if got := b.get("/session").json(t)["sign_in_url"]; got != "/login?from=reports&return_to=%2Fem%2F" {
		t.Errorf("sign_in_url is %v", got)
	}
	if _, err := httpapi.New(a.service, &httpapi.Options{}); err == nil {
		t.Error("a handler that lets everybody in was made without a word")
	}
	if _, err := httpapi.New(a.service, &httpapi.Options{Token: token, SessionKey: []byte("short")}); err == nil {
		t.Error("a handler with a short key was made without a word")
	}
}

func TestDashboardAndDocsCanBeLeftOutAndNamed(t *testing.T) {
	a := start(t, setup{api: httpapi.Options{NoDashboard: true, Product: "R&D <numbers>"}})
	for _, path := range []string{"/", "/assets/app.js"} {
		a.get(path).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	}
	docs := a.get("/docs").body
	if !strings.Contains(docs, "<title>R&amp;D &lt;numbers&gt; HTTP API</title>") || strings.Contains(docs, `href="./`) {
		t.Errorf("the page has links to the dashboard, or another name: %.300s", docs)
	}
	b := start(t, setup{api: httpapi.Options{NoDocs: true, Product: "R&D <numbers>"}})
	for _, path := range []string{"/docs", "/openapi.yaml"} {
		b.get(path).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	}
	page := b.get("/").body
	if !strings.Contains(page, "<title>R&amp;D &lt;numbers&gt;</title>") || !strings.Contains(page, "<span>R&amp;D &lt;numbers&gt;</span>") || strings.Contains(page, `"docs"`) {
		t.Errorf("the page is %s", page)
	}
	if page := start(t, setup{}).get("/").body; !strings.Contains(page, `<a href="docs"`) || !strings.Contains(page, "<span>eventmetrics</span>") {
		t.Errorf("the page is %s", page)
	}
}

// lines returns the lines of a log in JSON that have a message.
func lines(t *testing.T, log, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(log) {
		v := map[string]any{}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		if v["msg"] == message {
			found = append(found, v)
		}
	}
	return found
}
