package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics/httpapi/ui"
)

// index serves GET /, the dashboard.
func (h *Handler) index(w http.ResponseWriter, r *http.Request) error {
	return h.sendFile(w, r, ui.Index)
}

// asset serves GET /assets/{path...}.
func (h *Handler) asset(w http.ResponseWriter, r *http.Request) error {
	return h.sendFile(w, r, r.PathValue("path"))
}

// sendFile sends a file of the dashboard.
func (h *Handler) sendFile(w http.ResponseWriter, r *http.Request, name string) error {
	file, ok := h.assets[name]
	if !ok {
		return problem{status: http.StatusNotFound, code: CodeNotFound, detail: "no such file"}
	}
	w.Header().Set("Content-Type", file.ContentType)
	if file.Policy != "" {
		w.Header().Set("Content-Security-Policy", file.Policy)
	}
	sendPublic(w, r, file.Body)
	return nil
}
