package cli

import (
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// zoneSetting returns the setting of the zone of times without one.
func zoneSetting(query url.Values, getenv func(string) string) config.Setting {
	return config.Setting{
		Flag: "zone", Usage: "`zone` of time stamps without one: local for that of this machine, or a name such as Europe/Berlin; without it they are UTC",
		Set: func(name string) error {
			if name == "" {
				return nil
			}
			if strings.EqualFold(name, "local") {
				if name = localZone(getenv("TZ"), "/etc/localtime", "/etc/timezone"); name == "" {
					return errors.New("the name of the zone of this machine is unknown; give a name such as Europe/Berlin")
				}
			}
			if err := zoneName(name); err != nil {
				return err
			}
			query.Set("timestamp_zone", name)
			return nil
		},
	}
}

// localZone returns the name of the zone of a machine: that of the variable TZ,
// else that of the file to which the link points, else the one in a text file.
// It returns "" if there is none.
func localZone(variable, link, text string) string {
	target, _ := os.Readlink(link)
	written, _ := os.ReadFile(text)
	for _, name := range []string{strings.TrimPrefix(variable, ":"), target, strings.TrimSpace(string(written))} {
		if _, in, ok := strings.Cut(name, "zoneinfo/"); ok {
			name = in
		}
		if _, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
			return name
		}
	}
	return ""
}
