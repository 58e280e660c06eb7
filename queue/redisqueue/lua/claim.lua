-- Claims the queue for its owner.
claim()
return 'ok'
