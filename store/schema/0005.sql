-- An exchange is "in doubt" if it may have opened an access that nothing stores, and "running in
-- doubt" while it is repeated. It is "user deleted" if its user was deleted meanwhile.
CREATE INDEX bankmux_exchanges_state ON bankmux_exchanges (state, held_until);
