package bankmux

// This file writes and reads the JSON of a sealed session with few allocations. Package
// encoding/json reads whatever this file does not expect.

// appendSealed appends the JSON of a [sealedRun]. It reports false if a time cannot be written.
func (s *Session) appendSealed(b []byte) ([]byte, bool) {
	w := &rowWriter{b: append(b, `{"session":{`...)}
	w.text("id", s.ID)
	w.text("connection_id", s.ConnectionID)
	w.text("user", s.User)
	w.text("client", s.Client)
	w.text("provider", s.Provider)
	w.textUnlessEmpty("environment", string(s.Environment))
	w.textUnlessEmpty("country", s.Country)
	writeList(w, "products", s.Products)
	w.textUnlessEmpty("redirect_uri", s.RedirectURI)
	w.moment("created_at", s.CreatedAt)
	w.moment("expires_at", s.ExpiresAt)
	w.b = append(w.b, '}')
	w.name("launch")
	w.launch(&s.Launch)
	if s.Reconnect != nil {
		w.name("reconnect")
		w.connection(s.Reconnect)
	}
	if !s.State.IsZero() {
		w.secret("state", s.State)
	}
	return append(w.b, '}'), !w.failed
}

// sealedSize is about as many bytes as appendSealed appends.
func (s *Session) sealedSize() int {
	const names, moment, text = 512, 40, 24
	l := &s.Launch
	size := names + 2*moment + text*(len(s.Products)+len(l.Countries)) + 2*len(s.ID) + len(s.User) + 2*len(s.Client) +
		2*len(s.Provider) + len(l.AppKey) + len(l.Institution) + len(l.ScriptURL) + len(l.Package) +
		len(s.RedirectURI) + l.Token.text.size() + l.URL.text.size() + s.State.size()
	for name, value := range l.Parameters {
		size += text + len(name) + len(value)
	}
	if s.Reconnect != nil {
		size += s.Reconnect.sealedSize()
	}
	return size
}

func (w *rowWriter) launch(l *Launch) {
	w.b = append(w.b, '{')
	w.text("provider", l.Provider)
	w.text("mode", string(l.Mode))
	w.textUnlessEmpty("environment", string(l.Environment))
	w.launchToken("token", l.Token)
	w.launchToken("url", l.URL)
	w.textUnlessEmpty("app_key", l.AppKey)
	writeList(w, "countries", l.Countries)
	w.textUnlessEmpty("institution", l.Institution)
	w.textUnlessEmpty("script_url", l.ScriptURL)
	w.textUnlessEmpty("package", l.Package)
	if len(l.Parameters) > 0 {
		w.name("parameters")
		w.b = append(w.b, '{')
		for name, value := range l.Parameters {
			if w.b[len(w.b)-1] != '{' {
				w.b = append(w.b, ',')
			}
			w.b = append(appendQuoted(w.b, name), ':')
			w.b = appendQuoted(w.b, value)
		}
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, '}')
}

// launchToken writes a token as its method MarshalJSON does, unless it is zero.
func (w *rowWriter) launchToken(name string, token LaunchToken) {
	if token.IsZero() {
		return
	}
	w.name(name)
	var short [512]byte
	w.b = appendQuoted(w.b, token.text.appendText(short[:0]))
}

// openSealed reads what appendSealed wrote. It reports false for any other JSON, also if that is
// valid.
func (s *Session) openSealed(plain []byte) bool {
	r := rowReader{left: plain}
	if !r.start() {
		return false
	}
	room := new(readRoom)
	r.free.products, r.free.countries = room.products[:], room.countries[:]
	r.open()
	r.must("session")
	r.session(s)
	r.must("launch")
	r.launch(&s.Launch)
	if r.has("reconnect") {
		s.Reconnect = &room.reconnect
		r.connection(s.Reconnect)
	}
	if r.has("state") {
		r.secret(&s.State)
	}
	r.end()
	return r.done()
}

func (r *rowReader) session(s *Session) {
	r.open()
	r.must("id")
	s.ID = r.text()
	r.must("connection_id")
	s.ConnectionID = r.text()
	r.must("user")
	s.User = r.text()
	r.must("client")
	s.Client = r.text()
	r.must("provider")
	s.Provider = r.text()
	s.Environment = Environment(r.textIfAny("environment"))
	s.Country = r.textIfAny("country")
	s.Products = textsIfAny(r, "products", &r.free.products)
	s.RedirectURI = r.textIfAny("redirect_uri")
	s.CreatedAt = r.moment("created_at")
	s.ExpiresAt = r.moment("expires_at")
	r.end()
}

func (r *rowReader) launch(l *Launch) {
	r.open()
	r.must("provider")
	l.Provider = r.text()
	r.must("mode")
	l.Mode = Mode(r.text())
	l.Environment = Environment(r.textIfAny("environment"))
	if r.has("token") {
		r.secret(&l.Token.text)
	}
	if r.has("url") {
		r.secret(&l.URL.text)
	}
	l.AppKey = r.textIfAny("app_key")
	l.Countries = textsIfAny(r, "countries", &r.free.countries)
	l.Institution = r.textIfAny("institution")
	l.ScriptURL = r.textIfAny("script_url")
	l.Package = r.textIfAny("package")
	if r.has("parameters") {
		l.Parameters = r.parameters()
	}
	r.end()
}

// parameters reads an object of texts.
func (r *rowReader) parameters() map[string]string {
	all := map[string]string{}
	for r.open(); !r.failed && !r.at('}'); {
		if len(all) > 0 {
			r.skip(',')
		}
		name := r.text()
		r.skip(':')
		_, repeats := all[name]
		all[name] = r.text()
		r.failed = r.failed || repeats
	}
	r.end()
	return all
}
