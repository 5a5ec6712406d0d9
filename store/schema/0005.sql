-- An exchange is also "failed again" if its provider did not say what happened. It is "user
-- deleted" if it was in doubt when its user was deleted.
CREATE INDEX bankmux_exchanges_state ON bankmux_exchanges (state, held_until);
