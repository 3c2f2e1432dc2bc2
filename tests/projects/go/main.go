// Answers with its version.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/gorilla/mux"
)

const version = "v1"

func main() {
	router := mux.NewRouter()
	router.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {})
	router.HandleFunc("/{what:version}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-App-"+mux.Vars(r)["what"], version)
		fmt.Fprint(w, version)
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), router))
}
