package browsertest_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// startExample builds and starts examples/embedhandler, and returns its address.
func startExample(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "embedhandler")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../../examples/embedhandler").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(program, "-dir", t.TempDir(), "-listen", "127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if found := regexp.MustCompile(`listening on (http://\S+)`).FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	t.Fatal("the example does not listen")
	return ""
}

// as returns an address with the name of a user and a password.
func as(t *testing.T, user, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "secret")
	return u.String()
}

func TestTheExampleWorksWithThePasswordOfTheBrowser(t *testing.T) {
	t.Parallel()
	address := startExample(t)
	p := open(t, wide, as(t, "alice", address))
	p.see("No events yet")
	if got := eval[string](p, `document.title + ' / ' + document.querySelector('.brand').innerText.trim() + ' / ' + document.querySelector('#who').innerText.trim()`); got != "Overview · Acme analytics / Acme analytics / alice" {
		t.Errorf("the page shows %s", got)
	}
	p.press("Load demo events")
	p.see("Activity by hour and weekday")
	p.do(chromedp.Navigate(address + "?view=batches")) // the browser remembers the password
	p.see("live")
	if strings.Contains(eval[string](p, "document.body.innerText"), "Sign out") {
		t.Error("the page offers to sign out, which is for the program to do")
	}
	other := p.tab(address + "?view=dead")
	other.see("No dead letters")

	viewer := open(t, wide, as(t, "bob", address))
	viewer.see("Activity by hour and weekday")
	if eval[bool](viewer, `document.querySelector('header nav [data-view=upload]').checkVisibility()`) {
		t.Error("a viewer is offered to upload")
	}
	stranger := open(t, wide, as(t, "eve", address), "403")
	if got := eval[string](stranger, "document.body.innerText"); !strings.Contains(got, "forbidden") {
		t.Errorf("a stranger sees %s", got)
	}
}

// TestASessionOfTheProgramIsEnough has a program with a page to sign in and a cookie.
func TestASessionOfTheProgramIsEnough(t *testing.T) {
	t.Parallel()
	var ended atomic.Bool
	api, err := httpapi.New(eventmetrics.New(memstore.New(), memqueue.New(nil), nil), &httpapi.Options{
		SignInURL: "/login",
		Authorize: func(r *http.Request) (httpapi.Identity, error) {
			if c, err := r.Cookie("program"); err != nil || c.Value != "ada" || ended.Load() {
				return httpapi.Identity{}, httpapi.ErrUnauthenticated
			}
			return httpapi.Identity{Name: "ada", Role: httpapi.RoleAdmin}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/numbers/", http.StripPrefix("/numbers", api))
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { // asks for nothing
		ended.Store(false)
		http.SetCookie(w, &http.Cookie{Name: "program", Value: "ada", Path: "/", HttpOnly: true})
		http.Redirect(w, r, r.FormValue("return_to"), http.StatusSeeOther)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { api.Drain(); server.CloseClientConnections(); server.Close() })

	p := open(t, wide, server.URL+"/numbers/?view=batches", "401", "ERR_")
	p.see("live")
	p.see("ada")
	if got := eval[string](p, "location.href"); got != server.URL+"/numbers/?view=batches" {
		t.Errorf("after signing in the address is %s", got)
	}
	ended.Store(true)
	server.CloseClientConnections()
	p.see("You are not signed in")
	p.do(chromedp.Navigate(eval[string](p, `document.querySelector('main a').href`)))
	p.see("live")
	if got := eval[string](p, "location.href"); got != server.URL+"/numbers/?view=batches" {
		t.Errorf("after signing in again the address is %s", got)
	}
}
