package cli

import (
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// page returns the manual page of the program, in the man macros of roff.
func (p *Program) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(p.Name), roff(p.Version), p.Name, roff(p.About))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n[flags]\n.br\n.B %[1]s\nCOMMAND [flags] [arguments]\n", p.Name)
	fmt.Fprintf(&b, ".SH DESCRIPTION\nWithout a command, %s runs the command %s.\n%s\n.SH COMMANDS\n", p.Name, p.Commands[0].Name, settingsText)
	for i := range p.Commands {
		c := &p.Commands[i]
		fmt.Fprintf(&b, ".SS \"%s\"\n%s.\n", roff(c.usage(p.Name)), roff(c.About))
		if c.More != "" {
			fmt.Fprintf(&b, ".PP\n.nf\n%s\n.fi\n", roff(c.More))
		}
		for j := range c.Settings {
			writeSetting(&b, &c.Settings[j])
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for status, means := range []string{
		exitOK:          "Everything was done.",
		exitRefused:     "The server refused, or a part failed. The message says which.",
		exitUsage:       "A flag, an argument or a setting is wrong. Nothing was tried.",
		exitUnreachable: "No server answers.",
	} {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", status, means)
	}
	return b.String()
}

const settingsText = `Each setting is a flag, an environment variable or a line in the file .env of the
working directory, in this order of precedence. Flags may have one hyphen or two.`

func writeSetting(b *strings.Builder, s *config.Setting) {
	flag := `\fB` + roff("-"+s.Name()) + `\fR`
	if value := s.Value(); value != "" {
		flag += ` \fI` + roff(value) + `\fR`
	}
	fmt.Fprintf(b, ".TP\n%s\n%s.\n", flag, roff(strings.ReplaceAll(s.Usage, "`", "")))
	if s.Default != "" && !s.Switch {
		fmt.Fprintf(b, "The default is %s.\n", roff(s.Default))
	}
	if s.Env != "" {
		fmt.Fprintf(b, "The variable is %s.\n", roff(s.Env))
	}
}

// roff escapes a text: no line of it is a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
