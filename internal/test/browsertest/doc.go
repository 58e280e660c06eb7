// Package browsertest contains only tests. They use the dashboard in a real
// browser: every page, wide and narrow, light and dark. Screenshots of the pages
// are written to build/screenshots.
package browsertest
