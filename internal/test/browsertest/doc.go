// Package browsertest tests the dashboard in a real browser: every page, wide
// and narrow, light and dark. It has no code but tests; pictures of the pages
// are left in build/screenshots.
package browsertest
