"""what switches tell by request"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'c8e4b1f70a35'
down_revision = 'd1f7a3b8e624'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('switch_request',
    sa.Column('switch', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('root', sa.String(length=40), nullable=False),
    sa.Column('key', sa.String(length=500), nullable=False),
    sa.Column('leg', sa.String(length=40), nullable=True),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('part', sa.String(length=60), nullable=False),
    sa.Column('by', sa.String(length=60), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.Column('decision', sa.String(length=20), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_switch_request')),
    sa.UniqueConstraint('switch', 'key', name=op.f('uq_switch_request_switch_key'))
    )
    with op.batch_alter_table('switch_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_switch_request_received_at'), ['received_at'], unique=False)
        batch_op.create_index('ix_switch_request_switch_root_received_at', ['switch', 'root', 'received_at'], unique=False)
        batch_op.create_index('ix_switch_request_switch_handled_at', ['switch', 'handled_at'], unique=False)
        batch_op.create_index('ix_switch_request_switch_leg', ['switch', 'leg'], unique=False)
    op.create_table('switch_step',
    sa.Column('switch', sa.String(length=40), nullable=False),
    sa.Column('root', sa.String(length=40), nullable=False),
    sa.Column('key', sa.String(length=60), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('switch', 'root', 'key', name=op.f('pk_switch_step'))
    )
    with op.batch_alter_table('switch_step', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_switch_step_at'), ['at'], unique=False)


def downgrade() -> None:
    op.drop_table('switch_step')
    op.drop_table('switch_request')
